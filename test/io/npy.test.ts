import { describe, expect, it } from 'vitest';
import { type NpyExpectation, type NpyType, npyHeader, readNpyHeader } from '../../ts/io/npy.js';
import { concat, seededRandom, sourceOf } from './memory.js';

const VECTORS: NpyExpectation = { what: 'vectors', types: ['f4', 'f8', 'f2', 'u1', 'i1'], dimensions: [2] };
const ANYTHING: NpyExpectation = {
  what: 'values',
  types: ['f2', 'f4', 'f8', 'u1', 'i1', 'i4', 'i8', 'b1'],
  dimensions: [1, 2],
};

const SIZES: Record<NpyType, number> = { f2: 2, f4: 4, f8: 8, u1: 1, i1: 1, i4: 4, i8: 8, b1: 1 };

/** An .npy file with any header text, padded as NumPy does. */
function fileWith(text: string, data: Uint8Array, version: 1 | 2 | 3 = 1): Uint8Array {
  const lengthBytes = version === 1 ? 2 : 4;
  const unpadded = 8 + lengthBytes + text.length + 1;
  const padding = (64 - (unpadded % 64)) % 64;
  const header = new TextEncoder().encode(`${text}${' '.repeat(padding)}\n`);
  const length = new Uint8Array(new Uint32Array([header.length]).buffer).slice(0, lengthBytes);
  return concat(Uint8Array.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0]), length, header, data);
}

function dictionary({ descr = "'<f4'", order = 'False', shape = '(2, 3)' } = {}): string {
  return `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }`;
}

function read(bytes: Uint8Array, expected: NpyExpectation = VECTORS) {
  return readNpyHeader(sourceOf(bytes), 'X.npy', expected);
}

const DATA_2X3 = new Uint8Array(24);

// numpy.save of arange(6, dtype='<f4').reshape(2, 3) / 2 and of array([7, -1, 2**62]), NumPy 2.4.
const NUMPY_FLOAT32 = base64(
  'k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAg' +
    'ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAAPwAAgD8AAMA/' +
    'AAAAQAAAIEA=',
);
const NUMPY_INT64 = base64(
  'k05VTVBZAQB2AHsnZGVzY3InOiAnPGk4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDMsKSwgfSAgICAg' +
    'ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoHAAAAAAAAAP//////////' +
    'AAAAAAAAAEA=',
);

function base64(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'base64'));
}

describe('files that NumPy wrote', () => {
  it('float32 in two dimensions', async () => {
    const header = await read(NUMPY_FLOAT32);
    expect(header).toEqual({ type: 'f4', shape: [2, 3], dataOffset: 128 });
    expect([...new Float32Array(NUMPY_FLOAT32.buffer, header.dataOffset)]).toEqual([0, 0.5, 1, 1.5, 2, 2.5]);
  });

  it('int64 in one dimension', async () => {
    const header = await read(NUMPY_INT64, ANYTHING);
    expect(header).toEqual({ type: 'i8', shape: [3], dataOffset: 128 });
    expect([...new BigInt64Array(NUMPY_INT64.buffer as ArrayBuffer, header.dataOffset)]).toEqual([
      7n,
      -1n,
      2n ** 62n,
    ]);
  });

  it('our header is the same, byte for byte', () => {
    expect(npyHeader('f4', [2, 3])).toEqual(NUMPY_FLOAT32.subarray(0, 128));
    expect(npyHeader('i8', [3])).toEqual(NUMPY_INT64.subarray(0, 128));
  });
});

it('every header we write is read back, with aligned data', async () => {
  const random = seededRandom(1);
  const types = Object.keys(SIZES) as NpyType[];
  for (let round = 0; round < 300; round++) {
    const type = types[Math.floor(random() * types.length)]!;
    const length = () => 1 + Math.floor(random() ** 3 * 500);
    const shape = random() < 0.5 ? [length()] : [length(), length()];
    const header = npyHeader(type, shape);
    const data = new Uint8Array(shape.reduce((product, n) => product * n, SIZES[type]));
    expect(header.length % 64).toBe(0);
    expect(await read(concat(header, data), ANYTHING)).toEqual({ type, shape, dataOffset: header.length });
  }
});

it('versions 1, 2 and 3, keys in any order, either quote, shapes of Python 2', async () => {
  const texts = [
    dictionary(),
    '{"shape": (2L, 3L), "fortran_order": False, "descr": "<f4"}',
    "{'fortran_order':False,'descr':'=f4','shape':(2,3)}",
  ];
  for (const version of [1, 2, 3] as const) {
    for (const text of texts) {
      const header = await read(fileWith(text, DATA_2X3, version));
      expect(header).toMatchObject({ type: 'f4', shape: [2, 3] });
    }
  }
});

describe('malformed files name themselves and say what is wrong', () => {
  const truncatedHeader = fileWith(dictionary(), new Uint8Array(0)).subarray(0, 40);
  const cases: [string, Uint8Array, string, RegExp][] = [
    ['empty', new Uint8Array(0), 'FILE_FORMAT', /not an \.npy file/],
    [
      'another format',
      new TextEncoder().encode('PK\x03\x04 and more text'),
      'FILE_FORMAT',
      /not an \.npy file/,
    ],
    [
      'version 4',
      fileWith(dictionary(), DATA_2X3).map((b, i) => (i === 6 ? 4 : b)),
      'FILE_FORMAT',
      /version 4\.0/,
    ],
    [
      'cut in its header',
      truncatedHeader,
      'FILE_FORMAT',
      /truncated: the header needs 128 bytes, the file has 40/,
    ],
    [
      'cut in its values',
      fileWith(dictionary(), DATA_2X3.subarray(0, 23)),
      'FILE_FORMAT',
      /truncated: the header promises 152 bytes, the file has 151/,
    ],
    ['too long', fileWith(dictionary(), new Uint8Array(25)), 'FILE_FORMAT', /1 bytes too many/],
    ['Fortran order', fileWith(dictionary({ order: 'True' }), DATA_2X3), 'FILE_FORMAT', /Fortran order/],
    ['big-endian', fileWith(dictionary({ descr: "'>f4'" }), DATA_2X3), 'FILE_FORMAT', /big-endian.*<f4/],
    [
      'integers',
      fileWith(dictionary({ descr: "'<i4'" }), DATA_2X3),
      'FILE_FORMAT',
      /type <i4; vectors must be f4/,
    ],
    ['objects', fileWith(dictionary({ descr: "'|O'" }), DATA_2X3), 'FILE_FORMAT', /type \|O/],
    ['complex', fileWith(dictionary({ descr: "'<c8'" }), DATA_2X3), 'FILE_FORMAT', /type <c8/],
    ['structured', fileWith(dictionary({ descr: "[('x', '<f4')]" }), DATA_2X3), 'FILE_FORMAT', /structured/],
    [
      'no descr',
      fileWith("{'fortran_order': False, 'shape': (2, 3)}", DATA_2X3),
      'FILE_FORMAT',
      /no 'descr'/,
    ],
    [
      'no order',
      fileWith("{'descr': '<f4', 'shape': (2, 3)}", DATA_2X3),
      'FILE_FORMAT',
      /no 'fortran_order'/,
    ],
    ['no shape', fileWith("{'descr': '<f4', 'fortran_order': False}", DATA_2X3), 'FILE_FORMAT', /'shape'/],
    ['negative shape', fileWith(dictionary({ shape: '(-2, 3)' }), DATA_2X3), 'FILE_FORMAT', /'shape'/],
    [
      'one dimension',
      fileWith(dictionary({ shape: '(6,)' }), DATA_2X3),
      'FILE_FORMAT',
      /shape \(6,\); vectors must be 2-d/,
    ],
    [
      'three dimensions',
      fileWith(dictionary({ shape: '(1, 2, 3)' }), DATA_2X3),
      'FILE_FORMAT',
      /\(1, 2, 3\)/,
    ],
    ['a scalar', fileWith(dictionary({ shape: '()' }), new Uint8Array(4)), 'FILE_FORMAT', /shape \(\)/],
    ['huge', fileWith(dictionary({ shape: '(9007199254740991, 9)' }), DATA_2X3), 'FILE_FORMAT', /too large/],
    ['no rows', fileWith(dictionary({ shape: '(0, 3)' }), new Uint8Array(0)), 'EMPTY_INPUT', /no rows/],
    ['no columns', fileWith(dictionary({ shape: '(3, 0)' }), new Uint8Array(0)), 'EMPTY_INPUT', /no columns/],
  ];

  it.each(cases)('%s', async (_, bytes, code, message) => {
    await expect(read(bytes)).rejects.toMatchObject({
      name: 'H2qError',
      code,
      message: expect.stringMatching(message),
      details: { file: 'X.npy' },
    });
    await expect(read(bytes)).rejects.toThrow(/^X\.npy: /);
  });

  it('any single cut of a valid file', async () => {
    const whole = fileWith(dictionary(), DATA_2X3);
    for (let length = 0; length < whole.length; length++) {
      await expect(read(whole.subarray(0, length)), `${length} bytes`).rejects.toMatchObject({
        code: 'FILE_FORMAT',
      });
    }
  });
});
