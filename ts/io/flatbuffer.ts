/**
 * Reading flatbuffers, in which Arrow writes its metadata: a table begins with the way back to a list of where
 * its fields lie. https://flatbuffers.dev/internals
 *
 * What points outside of the bytes is a RangeError, as of any DataView.
 */

export class Table {
  readonly #view: DataView;
  readonly #at: number;

  private constructor(view: DataView, at: number) {
    this.#view = view;
    this.#at = at;
  }

  static root(bytes: Uint8Array): Table {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return new Table(view, view.getUint32(0, true));
  }

  has(field: number): boolean {
    return this.#place(field) !== undefined;
  }

  uint8(field: number): number {
    const at = this.#place(field);
    return at === undefined ? 0 : this.#view.getUint8(at);
  }

  bool(field: number): boolean {
    return this.uint8(field) !== 0;
  }

  int16(field: number): number {
    const at = this.#place(field);
    return at === undefined ? 0 : this.#view.getInt16(at, true);
  }

  int32(field: number): number {
    const at = this.#place(field);
    return at === undefined ? 0 : this.#view.getInt32(at, true);
  }

  int64(field: number): number {
    const at = this.#place(field);
    return at === undefined ? 0 : this.int64At(at);
  }

  /** A field of a struct. */
  int64At(at: number): number {
    return Number(this.#view.getBigInt64(at, true));
  }

  string(field: number): string {
    const at = this.#target(field);
    if (at === undefined) return '';
    const { buffer, byteOffset, byteLength } = this.#view;
    const length = this.#view.getUint32(at, true);
    if (at + 4 + length > byteLength) throw new RangeError('a string lies outside');
    return new TextDecoder().decode(new Uint8Array(buffer, byteOffset + at + 4, length));
  }

  /** A table; one without fields where there is none. */
  table(field: number): Table {
    const at = this.#target(field);
    if (at === undefined) throw new RangeError('a table is missing');
    return new Table(this.#view, at);
  }

  tables(field: number): Table[] {
    return this.#places(field, 4).map((at) => new Table(this.#view, at + this.#view.getUint32(at, true)));
  }

  /** Where the structs of a list begin. */
  structs(field: number, bytes: number): number[] {
    return this.#places(field, bytes);
  }

  #places(field: number, bytes: number): number[] {
    const at = this.#target(field);
    if (at === undefined) return [];
    const length = this.#view.getUint32(at, true);
    if (at + 4 + length * bytes > this.#view.byteLength) throw new RangeError('a list lies outside');
    return Array.from({ length }, (_, i) => at + 4 + i * bytes);
  }

  #target(field: number): number | undefined {
    const at = this.#place(field);
    return at === undefined ? undefined : at + this.#view.getUint32(at, true);
  }

  #place(field: number): number | undefined {
    const fields = this.#at - this.#view.getInt32(this.#at, true);
    const entry = 4 + 2 * field;
    if (entry + 2 > this.#view.getUint16(fields, true)) return undefined;
    const offset = this.#view.getUint16(fields + entry, true);
    return offset === 0 ? undefined : this.#at + offset;
  }
}
