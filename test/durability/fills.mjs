// Appends to an index file until the limit of its size is reached; prints what happened as JSON.
import { IndexFile } from '../../dist/node/index.js';
import { codesOf } from './changes.mjs';

// Without a listener the signal would end the process.
process.on('SIGXFSZ', () => {});
const file = await IndexFile.open(/** @type {string} */ (process.argv[2]));
let appended = 0;
let code;
while (code === undefined) {
  const ids = Array.from({ length: 500 }, (_, i) => BigInt(appended * 500 + i));
  try {
    await file.append(codesOf(ids), { ids: BigInt64Array.from(ids) });
    appended++;
  } catch (error) {
    code = /** @type {{ code: string }} */ (error).code;
  }
}
const size = file.index.size;
await file.remove(BigInt64Array.of(3n));
console.log(JSON.stringify({ appended, code, size }));
