/** `.hdf5`, `.h5`: a dataset of two dimensions, as ann-benchmarks has them (`train`, `test`). */

import type { ElementType } from '../backend.js';
import { H2qError } from '../errors.js';
import { platform } from '../platform.js';
import { byFile } from './by-file.js';
import { emptyFile, formatError, NPY_SIZES } from './npy.js';
import { chooseOne, type RowFormat, type RowSource } from './rows.js';

const READY = ['f4', 'f8', 'u1', 'i1'] as const;
const CONVERTED = ['i2', 'u2', 'i4', 'u4', 'i8', 'u8'];

const ONLY_IN_NODE = 'HDF5 is read in Node, by a library that needs files';

export const hdf5Rows = byFile(({ path }) => path === undefined, ONLY_IN_NODE, readHdf5);

async function readHdf5(...[source, file, options]: Parameters<RowFormat>): Promise<RowSource> {
  const { openHdf5 } = platform();
  if (source.path === undefined || !openHdf5) {
    throw new H2qError('FILE_UNREADABLE', `${file}: ${ONLY_IN_NODE}`, { details: { file } });
  }
  const opened = await openHdf5(source.path, file);
  try {
    const { datasets } = opened;
    const isMatrix = ({ shape, type }: (typeof datasets)[number]) =>
      shape.length === 2 && [...READY, ...CONVERTED].includes(type);
    const candidates = datasets.filter(isMatrix).map(({ name }) => name);
    const name = chooseOne(file, 'dataset', options.dataset, candidates);
    const { shape, type } = datasets.find((one) => one.name === name) as (typeof datasets)[number];
    const [rows, columns] = shape as [number, number];
    if (rows === 0 || columns === 0) throw emptyFile(file, rows === 0 ? 'rows' : 'columns');
    if (columns > 2 ** 24) throw formatError(file, `rows of ${columns} values`);
    const element: ElementType = READY.find((ready) => ready === type) ?? 'f4';
    const readRows = async (start: number, end: number) => {
      const values = opened.read(name, start, end);
      if (values.length !== (end - start) * columns) throw formatError(file, `dataset ${name} is damaged`);
      const ready = element === type ? values : Float32Array.from(values as ArrayLike<number>, Number);
      return new Uint8Array(ready.buffer, ready.byteOffset, ready.byteLength);
    };
    const rowBytes = columns * NPY_SIZES[element];
    const stored = element === type ? element : 'numbers';
    return { rows, columns, element, stored, readRows, rowBytes, close: async () => opened.close() };
  } catch (error) {
    opened.close();
    throw error;
  }
}
