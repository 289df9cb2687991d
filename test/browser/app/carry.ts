/** Plain values with typed arrays in them as text, since only text passes between Node and a page. */

const ARRAYS = { Uint8Array, Uint32Array, Int32Array, Float32Array, Float64Array, BigInt64Array };

export function toText(value: unknown): string {
  return JSON.stringify(value, (_, part) => {
    if (!ArrayBuffer.isView(part)) return part;
    const bytes = new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
    let characters = '';
    // In pieces: a call takes only so many arguments.
    for (let i = 0; i < bytes.length; i += 8192) {
      characters += String.fromCharCode(...bytes.subarray(i, i + 8192));
    }
    return { array: part.constructor.name, base64: btoa(characters) };
  });
}

export function fromText<T>(text: string): T {
  return JSON.parse(text, (_, part) => {
    if (typeof part?.base64 !== 'string') return part;
    const { buffer } = Uint8Array.from(atob(part.base64), (character) => character.charCodeAt(0));
    return new ARRAYS[part.array as keyof typeof ARRAYS](buffer);
  });
}
