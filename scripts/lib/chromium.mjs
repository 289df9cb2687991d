import { createRequire } from 'node:module';
import { join } from 'node:path';
import { isExecutable, programsNamed, run, SetupError } from './programs.mjs';
import { toolPath } from './root.mjs';
import { aptInstall, aptObstacle, firstWay, MissingError } from './ways.mjs';

const HELP = 'Install Chromium or Chrome, or let H2Q_CHROMIUM name its program.';

const ARGUMENTS = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
];

/**
 * Looks for Chromium or Chrome, without installing anything: what H2Q_CHROMIUM names, else what is on the
 * PATH, where it usually lies, and what playwright-core has downloaded.
 *
 * @returns {string | null} the path of the program
 */
export function findChromium(env = process.env, platform = process.platform) {
  const named = env['H2Q_CHROMIUM'];
  if (named) return isExecutable(named) ? named : null;
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const places = [...programsNamed(names, env), ...usualPlaces(env, platform)];
  return places.find(isExecutable) ?? downloaded();
}

/**
 * Finds Chromium or Chrome, else installs Chromium.
 *
 * @returns {{ path: string, reason?: undefined } | { path: null, reason: string }}
 */
export function ensureChromium() {
  const found = findChromium();
  if (found !== null) return { path: found };
  const named = process.env['H2Q_CHROMIUM'];
  if (named) return { path: null, reason: `H2Q_CHROMIUM names ${named}, which is not a program.` };
  try {
    return { path: firstWay('Chromium', waysToInstall(), HELP) };
  } catch (error) {
    if (error instanceof MissingError) return { path: null, reason: error.message };
    throw error;
  }
}

/**
 * Starts Chromium without a window.
 *
 * @param {string} path of its program
 */
export async function startChromium(path) {
  // This late because this module is also loaded before packages are installed.
  const { chromium } = await import('playwright-core');
  return chromium.launch({ executablePath: path, args: ARGUMENTS });
}

/** @returns {import('./ways.mjs').Way<string>[]} */
function waysToInstall() {
  const playwright = () => [toolPath('playwright-core', 'playwright-core'), 'install', 'chromium'];
  return [
    {
      name: 'apt-get install chromium',
      obstacle: aptObstacle(),
      take: () => installed(() => aptInstall(['chromium'])),
    },
    {
      name: 'playwright-core install chromium',
      take: () => installed(() => run(process.execPath, playwright())),
    },
  ];
}

/** @param {() => void} install */
function installed(install) {
  install();
  const path = findChromium();
  if (path === null) throw new SetupError('it was installed, but is not where it was looked for');
  return path;
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {NodeJS.Platform} platform
 */
export function usualPlaces(env, platform) {
  if (platform === 'darwin')
    return ['Chromium', 'Google Chrome'].map((name) => `/Applications/${name}.app/Contents/MacOS/${name}`);
  if (platform !== 'win32') return [];
  return ['PROGRAMFILES', 'PROGRAMFILES(X86)', 'LOCALAPPDATA'].flatMap((name) => {
    const folder = env[name];
    if (!folder) return [];
    return ['Google/Chrome', 'Chromium'].map((app) => join(folder, app, 'Application/chrome.exe'));
  });
}

/** Loads playwright-core this late for the same reason as {@link startChromium}. */
function downloaded() {
  try {
    const path = createRequire(import.meta.url)('playwright-core').chromium.executablePath();
    return isExecutable(path) ? path : null;
  } catch {
    return null;
  }
}
