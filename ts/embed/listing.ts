/** Pictures in folders. */

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { endingOf } from '../io/url.js';
import { readError } from '../node/files.js';

/** Endings of the names of pictures. */
export const PICTURE_ENDINGS = ['png', 'jpg', 'jpeg', 'webp', 'gif', 'avif', 'tif', 'tiff'] as const;

export function isPicture(name: string): boolean {
  return (PICTURE_ENDINGS as readonly string[]).includes(endingOf(name));
}

/**
 * The pictures in a folder and those below it, by the endings of their names, as paths from there with `/`, in the
 * order of their characters. Names that begin with a dot are left out, links to folders are not followed.
 *
 * @throws FILE_NOT_FOUND, FILE_UNREADABLE
 */
export async function listPictures(folder: string): Promise<string[]> {
  const found: string[] = [];
  const visit = async (below: string) => {
    const path = join(folder, below);
    const entries = await readdir(path, { withFileTypes: true }).catch((cause) => {
      throw readError(path, cause);
    });
    for (const entry of entries.filter(({ name }) => !name.startsWith('.'))) {
      const name = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) await visit(name);
      else if (isPicture(name) && (entry.isFile() || (await isLinkToFile(join(folder, name)))))
        found.push(name);
    }
  };
  await visit('');
  return found.sort((a, b) => (a < b ? -1 : 1));
}

/** A link to nothing stays in the list: whoever reads it says so. */
async function isLinkToFile(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found === undefined || found.isFile();
}
