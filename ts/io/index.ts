/** Files in and out. */

export { type ReadLabelsOptions, readCodes, readLabels } from './arrays.js';
export { writeFile, writeFiles } from './files.js';
export type { VectorFormat } from './formats.js';
export type { FileInput, StreamInput } from './input.js';
export { MappedVectors } from './mapped.js';
export { openVectors } from './mapped-vectors.js';
export { type NpyType, npyHeader } from './npy.js';
export type { RowOptions } from './rows.js';
export {
  type FormatOptions,
  type MatrixBlock,
  type ReadOptions,
  readVectors,
  type Sample,
  type SampleOptions,
  sampleVectors,
  type VectorBlock,
  VectorFile,
  type VectorFileOptions,
  withVectorFile,
} from './vector-file.js';
export { type WriteCodesOptions, type WriteOptions, writeCodes, writeVectors } from './write.js';
