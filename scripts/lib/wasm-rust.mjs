import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { isExecutable, outputOf, run, SetupError } from './programs.mjs';
import { root } from './root.mjs';
import { isAtLeast, oldestRust, versionIn } from './versions.mjs';
import { aptInstall, aptObstacle, firstWay } from './ways.mjs';

const TARGET = 'wasm32-unknown-unknown';
const ownSysroot = join(root, '.cache/wasm-rust');
const debianRustc = '/usr/bin/rustc';
const debianSources = '/usr/lib/rustlib/src';

/**
 * @param {NodeJS.ProcessEnv} env that of cargo
 * @returns {NodeJS.ProcessEnv | null} one in which rustc compiles for WASM, null when nothing here does
 */
export function findWasmRust(env) {
  return [env, withSysroot(env)].find(compilesWasm) ?? null;
}

/** @param {NodeJS.ProcessEnv} env */
export function ensureWasmRust(env) {
  if (findWasmRust(env) !== null) return;
  const rustup = outputOf('rustup', ['--version'], env) === null ? 'rustup was not found' : null;
  const debian = debianRust() === null ? aptObstacle() : null;
  const ways = [
    { name: `rustup target add ${TARGET}`, obstacle: rustup, take: () => addTarget(env) },
    {
      name: "Debian's rustc-web, its standard library compiled for WASM (a minute)",
      obstacle: debian,
      take: () => makeSysroot(env),
    },
  ];
  firstWay(`Rust's target ${TARGET}`, ways, `Install it with: rustup target add ${TARGET}`);
}

/** @param {NodeJS.ProcessEnv} env */
function addTarget(env) {
  run('rustup', ['target', 'add', TARGET], { env });
  if (!compilesWasm(env)) throw new SetupError('the rustc on the PATH is not the one that rustup manages');
}

/**
 * For machines that reach a Debian mirror and crates but not rustup's downloads. Debian has the sources of
 * the standard library, which are compiled here. A folder of our own plays the sysroot: nothing is added
 * to folders that belong to packages, and whoever calls rustc gets the same one as before.
 *
 * @param {NodeJS.ProcessEnv} env
 */
function makeSysroot(env) {
  if (debianRust() === null) aptInstall(['rustc-web', 'rust-web-src']);
  const found = debianRust();
  if (found === null) throw new SetupError(`its rustc is older than ${oldestRust()} or has no sources`);
  const linker = join(
    hostFolder(outputOf('rustc', ['--print', 'sysroot'], env) ?? '', found.host),
    'bin/rust-lld',
  );
  if (!existsSync(linker)) throw new SetupError('the rustc on the PATH has no rust-lld');

  rmSync(ownSysroot, { recursive: true, force: true });
  const host = hostFolder(ownSysroot, found.host);
  for (const folder of [join(ownSysroot, 'bin'), join(host, 'bin')]) mkdirSync(folder, { recursive: true });
  symlinkSync(debianSources, join(ownSysroot, 'lib/rustlib/src'));
  symlinkSync(join(hostFolder('/usr', found.host), 'lib'), join(host, 'lib'));
  symlinkSync(linker, join(host, 'bin/rust-lld'));
  const script = `#!/bin/sh\nexec ${debianRustc} --sysroot '${ownSysroot.replaceAll("'", "'\\''")}' "$@"\n`;
  writeFileSync(join(ownSysroot, 'bin/rustc'), script, { mode: 0o755 });
  compileStd(withSysroot(env));
}

/** @param {NodeJS.ProcessEnv} env */
function compileStd(env) {
  const scratch = mkdtempSync(join(tmpdir(), 'h2q-std-'));
  try {
    const manifest = '[package]\nname = "std-for-wasm"\nedition = "2024"\n[lib]\ncrate-type = ["cdylib"]\n';
    writeFileSync(join(scratch, 'Cargo.toml'), manifest);
    mkdirSync(join(scratch, 'src'));
    writeFileSync(join(scratch, 'src/lib.rs'), '');
    const { CARGO_ENCODED_RUSTFLAGS: _, ...plain } = env;
    run('cargo', ['build', '--release', '-Zbuild-std=std,panic_abort', '--target', TARGET], {
      cwd: scratch,
      env: {
        ...plain,
        // Lets a stable compiler take what only the standard library may use.
        RUSTC_BOOTSTRAP: '1',
        // For link-time optimisation, as in the library that rustup has.
        RUSTFLAGS: '-C embed-bitcode=yes',
        CARGO_TARGET_DIR: join(scratch, 'target'),
      },
    });
    const made = join(scratch, 'target', TARGET, 'release/deps');
    const libraries = join(ownSysroot, 'lib/rustlib', TARGET, 'lib');
    // Put in place at once: the folder is what rustc is asked for, so it must not be there half filled.
    const fresh = `${libraries}.new`;
    mkdirSync(fresh, { recursive: true });
    for (const name of readdirSync(made).filter((file) => file.endsWith('.rlib')))
      copyFileSync(join(made, name), join(fresh, name));
    renameSync(fresh, libraries);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

/** Debian's compiler with the sources of its standard library, null unless both are here and new enough. */
function debianRust() {
  if (!isExecutable(debianRustc) || !existsSync(debianSources)) return null;
  const about = outputOf(debianRustc, ['-vV'], process.env) ?? '';
  const [version, host] = [versionIn(about), about.match(/^host: (.+)$/m)?.[1]];
  return version && host && isAtLeast(version, oldestRust()) ? { host } : null;
}

/**
 * wasm-pack asks the rustc on the PATH, cargo the one in RUSTC.
 *
 * @param {NodeJS.ProcessEnv} env
 */
function withSysroot(env) {
  const bin = join(ownSysroot, 'bin');
  return {
    ...env,
    PATH: [bin, env['PATH']].join(delimiter),
    RUSTC: join(bin, 'rustc'),
    // Cargo cannot tell one standard library of this compiler from the next: what is compiled goes with it.
    CARGO_TARGET_DIR: join(ownSysroot, 'target'),
  };
}

/** @param {NodeJS.ProcessEnv} env */
function compilesWasm(env) {
  const rustc = env['RUSTC'] ?? 'rustc';
  const folder = outputOf(rustc, ['--target', TARGET, '--print', 'target-libdir'], env);
  return folder !== null && existsSync(folder);
}

/**
 * @param {string} sysroot
 * @param {string} host
 */
function hostFolder(sysroot, host) {
  return join(sysroot, 'lib/rustlib', host);
}
