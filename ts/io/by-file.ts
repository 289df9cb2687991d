/** Formats that are read here and there in their file: a temporary one where there is none. */

import { H2qError } from '../errors.js';
import { type ByteSource, platform } from '../platform.js';
import type { RowFormat } from './rows.js';

/**
 * A reader to which whatever `needsCopy` comes as a file with a path, in Node. Elsewhere that is FILE_UNREADABLE, for the
 * reason `otherwise`.
 */
export function byFile(
  needsCopy: (source: ByteSource) => boolean,
  otherwise: string,
  read: RowFormat,
): RowFormat {
  return async (source, file, options, signal) => {
    if (!needsCopy(source)) return read(source, file, options);
    const { copySource } = platform();
    if (!copySource) {
      throw new H2qError('FILE_UNREADABLE', `${file}: ${otherwise}`, { details: { file } });
    }
    const copy = await copySource(source, file, signal);
    try {
      const rows = await read(copy, file, options);
      const close = async () => {
        await rows.close?.();
        await copy.close();
      };
      return { ...rows, close };
    } catch (error) {
      await copy.close();
      throw error;
    }
  };
}
