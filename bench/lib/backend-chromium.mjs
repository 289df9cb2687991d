// WASM in Chromium for the bench: a page without any special header, the work in a worker of it.
import { findChromium, startChromium } from '../../scripts/lib/chromium.mjs';
import { root } from '../../scripts/lib/root.mjs';
import { serveFolder } from '../../scripts/lib/static-server.mjs';

/** @typedef {import('./backend-work.mjs').Round} Round */

/**
 * Starts Chromium.
 *
 * @returns {Promise<{ version: string, measure(isQuick: boolean): Promise<Round>, close(): Promise<void> } | null>}
 * null where there is none
 */
export async function openChromium() {
  const path = findChromium();
  if (path === null) return null;
  const browser = await startChromium(path);
  const { address, close } = await serveFolder(root);
  return {
    version: browser.version(),
    /** In a page of its own, as every backend in Node has a process of its own. */
    async measure(isQuick) {
      const page = await browser.newPage();
      try {
        await page.goto(`${address}/bench/peers/backend.html`);
        const { round, failure } = await page.evaluate(runWorker, isQuick ? 'quick' : 'full');
        if (round === undefined) throw new Error(`WASM in Chromium failed: ${failure}`);
        return round;
      } finally {
        await page.context().close();
      }
    },
    async close() {
      close();
      await browser.close();
    },
  };
}

/**
 * Runs in the page.
 *
 * @param {string} size
 * @returns {Promise<{ round?: Round, failure?: string }>}
 */
function runWorker(size) {
  return new Promise((resolve) => {
    const worker = new Worker(new URL('backend-worker.mjs', document.baseURI), { type: 'module' });
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => resolve({ failure: message || 'the worker could not be loaded' });
    worker.postMessage(size);
  });
}
