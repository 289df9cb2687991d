// Changes an index file until it is killed: `node changer.mjs FILE SEED FIRST`. Tells every change that was
// acknowledged.
import { IndexFile } from '../../dist/node/index.js';
import { apply } from './changes.mjs';

const [, , path = '', seed, first] = process.argv;
const file = await IndexFile.open(path);
for (let i = Number(first); ; i++) {
  await apply(file, Number(seed), i);
  // Written before the next change begins: pipes of processes are blocking here.
  process.stdout.write(`${i}\n`);
}
