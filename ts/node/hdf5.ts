/** HDF5 files, read by h5wasm: the HDF5 library itself, which reads of a file only what it is asked for. */

import { resolve } from 'node:path';
import { formatError } from '../io/npy.js';
import type { Hdf5File } from '../platform.js';

/** Classes of types in HDF5. */
const [INTEGER, FLOAT] = [0, 1];

export async function openHdf5(path: string, name = path): Promise<Hdf5File> {
  const { Dataset, File, ready } = await import('h5wasm/node');
  const library = await ready;
  // Otherwise it tells of every error on standard error.
  library.activate_throwing_error_handler();
  const about = <T>(work: () => T): T => {
    try {
      return work();
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
      throw formatError(name, `not a readable HDF5 file: ${reason}`);
    }
  };
  const file = about(() => new File(resolve(path), 'r'));
  const datasets = about(() =>
    file.paths().flatMap((place) => {
      const entity = file.get(place);
      if (!(entity instanceof Dataset)) return [];
      const { type, size, signed, littleEndian } = entity.metadata;
      const letter = type === FLOAT ? 'f' : type === INTEGER ? (signed ? 'i' : 'u') : 'other';
      const isReadable = littleEndian || size === 1;
      return [
        {
          name: place.replace(/^\//, ''),
          shape: entity.shape ?? [],
          type: isReadable ? `${letter}${size}` : 'other',
        },
      ];
    }),
  );
  const read = (dataset: string, start: number, end: number) =>
    about(() => (file.get(dataset) as InstanceType<typeof Dataset>).slice([[start, end], []])) as ReturnType<
      Hdf5File['read']
    >;
  return { datasets, read, close: () => void file.close() };
}
