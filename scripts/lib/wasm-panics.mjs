/**
 * Takes the messages of panics out of a WASM module. A panic is a trap there, and nobody ever sees what it says:
 * there is no standard error. Rust's compiler cannot leave the messages out, and they keep all of the standard
 * library's formatting with them.
 */

import binaryen from 'binaryen';

/** What panics, and never returns: functions of the standard library and of faer's assertions, by their names. */
const PANICS = [
  /^core\b.*\bpanicking::/,
  /^core\b.*::(option|result)::(unwrap|expect)_failed/,
  /^core\b.*::slice_index_fail|len_mismatch_fail/,
  /^alloc\b.*::(handle_error|handle_alloc_error|capacity_overflow)/,
  /^std\b.*::(rust_oom|panic_with_hook|begin_panic)/,
  /__rustc.*::(rust_begin_unwind|rust_panic|__rust_alloc_error_handler)/,
  /^equator::do_panic_impl(::h\w+)?$/,
  // What their messages are formatted with. Nothing else formats (crates/kernels/src/text.rs), but tables of methods name
  // these, which no optimiser takes apart.
  /\bcore(\[\w+\])?::fmt::(write|Formatter|builders|Write|Debug|Display|LowerHex|UpperHex)\b/,
  /\bequator::Panic>::explain/,
];

/**
 * @param {Uint8Array} bytes a module with the names of its functions
 * @param {string[]} features those that it uses, as wasm-opt names them
 * @returns {Uint8Array} the same, where nothing but a trap is left of panics; still to be optimised
 */
export function withoutPanics(bytes, features) {
  binaryen.setDebugInfo(true);
  const module = binaryen.readBinary(bytes);
  // The types know single features and no sum of them.
  module.setFeatures(/** @type {*} */ (features.reduce((all, name) => all | flagOf(name), 0)));
  const { setBody } = /** @type {*} */ (binaryen).Function;
  let isKnown = false;
  for (let index = 0; index < module.getNumFunctions(); index++) {
    const reference = module.getFunctionByIndex(index);
    const { name: given, base } = binaryen.getFunctionInfo(reference);
    const name = demangled(given);
    if (base || !PANICS.some((panics) => panics.test(name))) continue;
    setBody(reference, module.unreachable());
    isKnown ||= /::panic_fmt\b/.test(name);
  }
  if (!isKnown) throw new Error('the functions that panic go by other names in this module');
  const cut = module.emitBinary();
  module.dispose();
  return cut;
}

/**
 * The path of a function, about: wasm-bindgen leaves such names, rustc those that linkers see.
 *
 * @param {string} name
 */
function demangled(name) {
  if (!/^(_R|_ZN)/.test(name)) return name;
  // Identifiers come with their lengths; those of a crate and of the second of a name have a number before.
  const rest = name.replaceAll(/Cs[0-9A-Za-z]*_(?=\d)/g, '').replace(/^_(R|ZN)/, '');
  const path = [];
  for (let next = 0; next < rest.length; ) {
    const length = /^\d+/.exec(rest.slice(next))?.[0];
    next += length?.length ?? 1;
    if (length === undefined) continue;
    if (rest[next] === '_' && name.startsWith('_R')) next++;
    path.push(rest.slice(next, next + Number(length)));
    next += Number(length);
  }
  return path.join('::');
}

/** What wasm-opt calls otherwise. */
const OTHER_NAMES = { simd: 'SIMD128', 'nontrapping-float-to-int': 'NontrappingFPToInt' };

/**
 * @param {string} feature
 * @returns {number}
 */
function flagOf(feature) {
  const other = Object.entries(OTHER_NAMES).find(([name]) => name === feature)?.[1];
  const wanted = (other ?? feature.replaceAll('-', '')).toLowerCase();
  const flag = Object.entries(binaryen.Features).find(([name]) => name.toLowerCase() === wanted);
  if (flag === undefined) throw new Error(`binaryen knows no feature ${feature}`);
  return Number(flag[1]);
}

/**
 * Fills with zeros what says where panics happen, which nothing reads after {@link withoutPanics}: names of source
 * files and the places in them, 16 bytes each.
 *
 * @param {Uint8Array} bytes a module; changed in place
 */
export function forgetPlaces(bytes) {
  const segments = dataOf(bytes);
  /** @param {number} address @param {number} length */
  const at = (address, length) => {
    const segment = segments.find(
      ({ start, data }) => start <= address && address + length <= start + data.length,
    );
    return segment?.data.subarray(address - segment.start, address - segment.start + length);
  };
  const names = [];
  for (const { start, data } of segments) {
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    for (let offset = (4 - (start % 4)) % 4; offset + 16 <= data.length; offset += 4) {
      const word = (/** @type {number} */ index) => view.getUint32(offset + 4 * index, true);
      // The address and the length of a name, a line, a column.
      const [length, line, column] = [word(1), word(2), word(3)];
      if (length > 512 || line === 0 || line > 1e6 || column === 0 || column > 1e4) continue;
      const name = at(word(0), length);
      if (name === undefined || !isSourceFile(name)) continue;
      names.push(name);
      data.fill(0, offset, offset + 16);
    }
  }
  for (const name of names) name.fill(0);
}

/** @param {Uint8Array} name */
function isSourceFile(name) {
  return /^[\x20-\x7e]+\.rs\0?$/.test(String.fromCharCode(...name));
}

/**
 * The data that a module begins with.
 *
 * @param {Uint8Array} bytes
 * @returns {{ start: number, data: Uint8Array }[]} views of `bytes` and the addresses where they will lie
 */
function dataOf(bytes) {
  let next = 8;
  const number = () => {
    for (let value = 0, shift = 0; ; shift += 7) {
      const byte = bytes[next++] ?? 0;
      value |= (byte & 127) << shift;
      if (byte < 128) return value >>> 0;
    }
  };
  const segments = [];
  while (next < bytes.length) {
    const section = bytes[next++];
    const length = number();
    const end = next + length;
    if (section === DATA_SECTION) {
      for (let left = number(); left > 0; left--) {
        // Active, of the one memory there is: i32.const start, end.
        if (number() !== 0 || bytes[next++] !== I32_CONST) throw new Error('data of an unknown kind');
        const start = number();
        next++;
        const size = number();
        segments.push({ start, data: bytes.subarray(next, next + size) });
        next += size;
      }
    }
    next = end;
  }
  return segments;
}

const DATA_SECTION = 11;
const I32_CONST = 0x41;
