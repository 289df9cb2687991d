// Appends single codes to an index file until it is killed: `node appender.mjs FILE`.
import { IndexFile } from '../../dist/node/index.js';

const file = await IndexFile.open(/** @type {string} */ (process.argv[2]));
for (;;) {
  await file.append({ data: new Uint8Array(8), bits: 64 });
  process.stdout.write('.');
}
