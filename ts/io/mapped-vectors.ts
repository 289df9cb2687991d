/** Opens files of vectors in a memory map: nothing is read but the rows that are asked for. */

import { platform } from '../platform.js';
import { formatOf, readerOf } from './formats.js';
import { MappedVectors } from './mapped.js';
import { formatError } from './npy.js';

/**
 * Maps a file of vectors into memory: `.npy`, `.fvecs`, `.bvecs`, `.fbin`, `.u8bin` or `.i8bin`. Header and size are checked here, the
 * values of a row when it is read.
 *
 * **Do not write to the file or shorten it while it is open**: the system ends a process that reads
 * mapped bytes which are gone. To replace it, write a new file and rename it, as {@link writeVectors} does.
 *
 * @throws FILE_NOT_FOUND, FILE_UNREADABLE, FILE_FORMAT, EMPTY_INPUT, MISMATCH when it changes meanwhile
 */
export async function openVectors(path: string): Promise<MappedVectors> {
  const read = readerOf(formatOf(path), {});
  const source = await platform().openSource(path);
  try {
    const { rows, columns, element, mapped, close } = await read(source, path, {});
    await close?.();
    if (!mapped)
      throw formatError(path, 'values of this format are not mapped; h2q convert makes an .npy of it');
    const core = platform().mapVectors(path, { rows, columns, element, ...mapped });
    return new MappedVectors(core, path);
  } finally {
    await source.close();
  }
}
