// Changes an index file in a folder that may not be written, as another user where one is named:
// `node restricted.mjs FOLDER [USER]`. Tells what happened as JSON; exits with 3 where that user cannot do this.
import { join } from 'node:path';
import { BITS, codesOf } from './changes.mjs';

const [, , folder = '', user] = process.argv;
const path = join(folder, 'codes.h2q');
const { HammingIndex, IndexFile } = await import('../../dist/node/index.js');
// Loads the addon, which another user may not be able to.
HammingIndex.empty(BITS);
try {
  if (user) process.setgroups?.([]);
  if (user) process.setgid?.(Number(user));
  if (user) process.setuid?.(Number(user));
} catch (error) {
  process.stderr.write(`cannot become another user: ${/** @type {Error} */ (error).message}`);
  process.exit(3);
}

/** @type {Record<string, unknown>} */
const told = {};
/**
 * @param {string} name
 * @param {() => Promise<unknown>} work
 */
async function attempt(name, work) {
  try {
    await work();
    told[name] = 'done';
  } catch (error) {
    const { code, message } = /** @type {Error & { code: string }} */ (error);
    told[name] = `${code} ${message.replaceAll(folder, '')}`;
  }
}

const file = await IndexFile.open(path);
const append = (/** @type {bigint} */ first) => {
  const ids = Array.from({ length: 100 }, (_, i) => first + BigInt(i));
  return file.append(codesOf(ids), { ids: BigInt64Array.from(ids) });
};
await attempt('append', () => append(1000n));
await attempt('remove', () => file.remove(BigInt64Array.of(1n, 1001n)));
await attempt('compact', () => file.compact());
await attempt('append after that', () => append(2000n));
await attempt('save', () => file.index.save(join(folder, 'copy.h2q')));
await attempt('save over a file', () => file.index.save(path));
await attempt('create', () => IndexFile.create(join(folder, 'new.h2q'), BITS));
await attempt('open what is read only', () => IndexFile.open(`${path}.other`));
told['size'] = file.index.size;
file.close();
console.log(JSON.stringify(told));
