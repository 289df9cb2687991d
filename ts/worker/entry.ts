/** The script of a module worker in a browser: the facade on WASM, for the page that made the worker. */

import { init, type WasmSource } from '../browser/index.js';
import type { Port } from './port.js';
import { serve } from './server.js';

serve(globalThis as unknown as Port, (source, neighbours) =>
  init(source as WasmSource | undefined, { neighbours: neighbours as WasmSource | undefined }),
);
