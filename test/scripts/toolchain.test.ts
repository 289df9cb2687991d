import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type CargoTool, ensureTool, findTool, suits } from '../../scripts/lib/cargo-tools.mjs';
import { findChromium, usualPlaces } from '../../scripts/lib/chromium.mjs';
import { SetupError } from '../../scripts/lib/programs.mjs';
import { root } from '../../scripts/lib/root.mjs';
import { isAtLeast, lockedVersion, versionIn } from '../../scripts/lib/versions.mjs';
import { firstWay, MissingError } from '../../scripts/lib/ways.mjs';

const onWindows = process.platform === 'win32';
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'h2q-tools-'));
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

describe('versions', () => {
  const entry = (name: string, version: string) =>
    `[[package]]\nname = "${name}"\nversion = "${version}"\n\n`;

  test('are read from the lock file, where names that only begin alike are others', () => {
    const lock = `version = 4\n\n${entry('tool', '0.2.9')}${entry('tool-macro', '0.3.0')}${entry('a-tool', '1.0.0')}`;
    expect(lockedVersion(lock, 'tool')).toBe('0.2.9');
    expect(() => lockedVersion(lock, 'other')).toThrow('0 versions of other');
    expect(() => lockedVersion(lock + entry('tool', '0.3.0'), 'tool')).toThrow('2 versions of tool');
  });

  test('compare by number', () => {
    expect(isAtLeast('0.15.1', '0.15.1')).toBe(true);
    expect(isAtLeast('0.9.2', '0.15.1')).toBe(false);
    expect(isAtLeast('1.0.0', '0.15.1')).toBe(true);
    expect(isAtLeast('1.85.0', '1.89')).toBe(false);
    expect(versionIn('rustc 1.96.0 (ac68faa20 2026-05-25)')).toBe('1.96.0');
    expect(versionIn(null)).toBeNull();
  });

  test('the crate asks for exactly the version that is locked', () => {
    const lock = readFileSync(join(root, 'Cargo.lock'), 'utf8');
    const manifest = readFileSync(join(root, 'crates/wasm/Cargo.toml'), 'utf8');
    expect(manifest).toContain(`wasm-bindgen = "=${lockedVersion(lock, 'wasm-bindgen')}"`);
  });
});

describe('firstWay', () => {
  const fails = (message: string) => () => {
    throw new SetupError(message);
  };

  test('takes the first way that is open and works, and none after it', () => {
    const [closed, late] = [vi.fn(), vi.fn()];
    const ways = [
      { name: 'closed', obstacle: 'needs root', take: closed },
      { name: 'broken', take: fails('no network') },
      { name: 'good', obstacle: null, take: () => 7 },
      { name: 'late', take: late },
    ];
    expect(firstWay('a tool', ways, 'help')).toBe(7);
    expect(closed).not.toHaveBeenCalled();
    expect(late).not.toHaveBeenCalled();
  });

  test('says what is missing, what became of each way, and what to do', () => {
    const ways = [
      { name: 'one', obstacle: 'needs root', take: () => 1 },
      { name: 'two', take: fails('no network') },
    ];
    const expected = 'a tool is missing.\n  one: needs root\n  two: no network\nGet it by hand.';
    expect(() => firstWay('a tool', ways, 'Get it by hand.')).toThrow(new MissingError(expected));
  });

  test('lets mistakes through', () => {
    const mistake = () => {
      throw new TypeError('mistake');
    };
    expect(() => firstWay('a tool', [{ name: 'one', take: mistake }], '')).toThrow(TypeError);
  });
});

test('a tool suits by its exact version, or also by a newer one', () => {
  const tool = { crate: 'tool-cli', program: 'tool', version: '0.2.9' };
  const verdicts = (exact: boolean) =>
    ['0.2.8', '0.2.9', '0.2.10', null].map((version) => suits({ ...tool, exact }, version));
  expect(verdicts(true)).toEqual([false, true, false, false]);
  expect(verdicts(false)).toEqual([false, true, true, false]);
});

// Programs of these tests are shell scripts.
describe.skipIf(onWindows)('ensureTool', () => {
  const tool: CargoTool = { crate: 'tool-cli', program: 'tool', version: '0.2.9', exact: true };
  const bin = () => join(folder, 'bin');
  const own = () => join(folder, 'own');
  const env = () => ({ PATH: [bin(), process.env['PATH']].join(delimiter) });
  const calls = () => readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n');

  /** A cargo that notes its arguments and puts the tool where it is told, or into `bin`. */
  const fakeCargo = (version: string) =>
    program(
      join(bin(), 'cargo'),
      `echo "$@" >> '${folder}/calls'
case "$*" in *--root*) out='${own()}/bin';; *) out='${bin()}';; esac
mkdir -p "$out"; printf '#!/bin/sh\\necho tool ${version}\\n' > "$out/tool"; chmod +x "$out/tool"`,
    );

  test('installs what is missing, once, as locked', () => {
    fakeCargo('0.2.9');
    ensureTool(tool, env(), own());
    ensureTool(tool, env(), own());
    expect(calls()).toEqual(['install tool-cli --locked --version 0.2.9']);
    expect(findTool(tool, env(), own())).toBe(join(bin(), 'tool'));
  });

  test('leaves another version where it is and installs elsewhere', () => {
    fakeCargo('0.2.9');
    program(join(bin(), 'tool'), 'echo tool 0.2.8');
    ensureTool(tool, env(), own());
    expect(calls()).toEqual([`install tool-cli --locked --version 0.2.9 --root ${own()}`]);
    expect(readFileSync(join(bin(), 'tool'), 'utf8')).toContain('0.2.8');
    expect(findTool(tool, env(), own())).toBe(join(own(), 'bin/tool'));
  });

  test('says which command failed, and which version is needed', () => {
    program(join(bin(), 'cargo'), 'exit 101');
    const ensure = () => ensureTool(tool, env(), own());
    expect(ensure).toThrow(MissingError);
    expect(ensure).toThrow(/tool 0\.2\.9 is missing.*cargo install tool-cli.*exit code 101.*exactly this/s);
  });
});

describe('findChromium', () => {
  test.skipIf(onWindows)('prefers the named program, then the more common names on the PATH', () => {
    for (const name of ['google-chrome', 'chromium']) program(join(folder, name), '');
    const named = join(folder, 'google-chrome');
    expect(findChromium({ PATH: folder })).toBe(join(folder, 'chromium'));
    expect(findChromium({ PATH: folder, H2Q_CHROMIUM: named })).toBe(named);
  });

  test('takes nothing else when the named program is not there', () => {
    expect(findChromium({ ...process.env, H2Q_CHROMIUM: join(folder, 'none') })).toBeNull();
    expect(findChromium({ ...process.env, H2Q_CHROMIUM: folder })).toBeNull();
  });

  test('knows where it lies on macOS and Windows', () => {
    expect(usualPlaces({}, 'darwin')).toContain('/Applications/Chromium.app/Contents/MacOS/Chromium');
    expect(usualPlaces({ PROGRAMFILES: 'P' }, 'win32')).toEqual([
      join('P', 'Google/Chrome/Application/chrome.exe'),
      join('P', 'Chromium/Application/chrome.exe'),
    ]);
    expect(usualPlaces({ PROGRAMFILES: 'P' }, 'linux')).toEqual([]);
  });
});

function program(file: string, script: string): void {
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}
