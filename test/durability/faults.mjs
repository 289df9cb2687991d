// Under test/durability/faults.c: changes an index file while the disk fails, and tells what happened as JSON.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { HammingIndex, IndexFile, writeCodes } from '../../dist/node/index.js';
import { BITS, codesOf } from './changes.mjs';

const [control, path] = /** @type {[string, string]} */ ([process.env['H2Q_FAULTS'], process.argv[2]]);
/** @type {Record<string, unknown>} */
const told = {};
const ids = (/** @type {number} */ first) => {
  const all = Array.from({ length: 100 }, (_, i) => BigInt(first + i));
  return /** @type {const} */ ([codesOf(all), { ids: BigInt64Array.from(all) }]);
};

/**
 * Which calls of fsync `work` makes, while those in `failing` fail, and how it ends.
 *
 * @param {string} name
 * @param {string} failing
 * @param {() => Promise<unknown>} work
 */
async function during(name, failing, work) {
  writeFileSync(control, failing);
  rmSync(`${control}.log`, { force: true });
  let outcome = 'done';
  try {
    await work();
  } catch (error) {
    outcome = /** @type {Error} */ (error).message.replaceAll(dirname(path), '');
  }
  const calls = existsSync(`${control}.log`) ? readFileSync(`${control}.log`, 'utf8') : '';
  writeFileSync(control, '');
  told[name] = { outcome, calls };
}

let file = await IndexFile.create(path, BITS, { ids: true });
const reopen = async () => {
  file.close();
  file = await IndexFile.open(path);
};
await during('append', '', () => file.append(...ids(0)));
await during('remove', '', () => file.remove(BigInt64Array.of(1n)));
await during('compact without its file', 'f', () => file.compact());
await during('append after that', '', () => file.append(...ids(1000)));
await during('append', '', () => file.append(...ids(2000)));
await during('failing append', 'a', () => file.append(...ids(3000)));
told['size after that'] = file.index.size;
await during('next append', '', () => file.append(...ids(4000)));
await reopen();
told['size when opened again'] = file.index.size;
await during('compact without its folder', 'd', () => file.compact());
told['size compacted'] = file.index.size;
await during('append to what may be gone', '', () => file.append(...ids(5000)));
await reopen();
await during('append to what is there', '', () => file.append(...ids(6000)));
const { index } = file;
await during('save without its folder', 'd', () => index.save(`${path}.copy`));
await during('save', '', () => index.save(`${path}.copy`));
await during('write without its file', 'f', () => writeCodes(`${path}.npy`, codesOf([1n])));
told['is written'] = existsSync(`${path}.npy`);
await during('create without its folder', 'd', () => IndexFile.create(`${path}.new`, BITS));
file.close();
told['size at the end'] = (await HammingIndex.open(path)).size;
console.log(JSON.stringify(told));
