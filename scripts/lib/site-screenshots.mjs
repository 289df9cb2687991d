import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureChromium, startChromium } from './chromium.mjs';
import { say } from './programs.mjs';
import { serveFolder } from './static-server.mjs';

/** A window of a desk and a phone. */
const SIZES = [
  { width: 1280, height: 900 },
  { width: 390, height: 844 },
];
const SCHEMES = /** @type {const} */ (['light', 'dark']);
const ROUTES = /** @type {const} */ (['unsupervised', 'two-stage']);

/**
 * What is taken: the page at every size, light and dark, searching on every route. `options` are those of a browser's
 * new page.
 */
export const shots = SIZES.flatMap((viewport) =>
  SCHEMES.flatMap((colorScheme) =>
    ROUTES.map((route) => ({
      name: `page-${viewport.width}x${viewport.height}-${colorScheme}-${route}.png`,
      route,
      // What scrolls is there at once.
      options: { viewport, colorScheme, reducedMotion: /** @type {const} */ ('reduce') },
    })),
  ),
);

/**
 * Opens the page, searches, and takes what is seen then.
 *
 * @param {import('playwright-core').Page} page new, with the options of a shot
 * @param {string} address
 * @param {typeof ROUTES[number]} route
 */
export async function takeShot(page, address, route) {
  await page.goto(address);
  await page.waitForSelector('body[data-ready]');
  await page.locator(`#routes [value=${route}]`).check();
  await page.getByRole('option').nth(13).click();
  // By itself the page has searched for the first image, which is none.
  const told = route === 'two-stage' ? /^Two stages, H²Q, 64 bits, a held-out Coat/ : 'a held-out Coat';
  await page.getByRole('status').filter({ hasText: told }).waitFor({ state: 'attached' });
  await page.locator('#neighbours').evaluate((section) => section.scrollIntoView());
  return page.screenshot();
}

/**
 * Takes all of them.
 *
 * @param {string} site the built page
 * @param {string} folder to write to
 */
export async function takeShots(site, folder) {
  const { path, reason } = ensureChromium();
  if (path === null) {
    say(reason);
    process.exitCode = 1;
    return;
  }
  mkdirSync(folder, { recursive: true });
  const browser = await startChromium(path);
  const { address, close } = await serveFolder(site);
  try {
    for (const { name, route, options } of shots) {
      const page = await browser.newPage(options);
      writeFileSync(join(folder, name), await takeShot(page, `${address}/`, route));
      say(join(folder, name));
    }
  } finally {
    close();
    await browser.close();
  }
}
