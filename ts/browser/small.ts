/** The facade's classes with what the small module has of them: types that leave the rest out. */

import type { Codes } from '../codes.js';
import type { FilterOptions } from '../filter.js';
import {
  type Abortable,
  type RadiusResult,
  type SearchResult,
  HammingIndex as WholeIndex,
} from '../hamming-index.js';
import type { FileInput } from '../io/input.js';
import { Model as WholeModel } from '../model.js';

export interface BuildSyncOptions {
  /** One id per code, any 64-bit numbers. Default: none, hits are named by their row. */
  ids?: BigInt64Array | undefined;
}

export interface BuildOptions extends BuildSyncOptions, Abortable {}

export interface SearchSyncOptions extends FilterOptions {
  /** Every code is compared, whichever is named. Default `auto`. */
  method?: 'auto' | 'linear' | undefined;
  /** Whether the result says what was done. Default false. */
  counters?: boolean | undefined;
}

export interface SearchOptions extends SearchSyncOptions, Abortable {}

/** Codes to search in, as in `h2q/browser`; they do not change. */
export interface HammingIndex
  extends Pick<WholeIndex, 'size' | 'rows' | 'bits' | 'hasIds' | 'hasFactors' | 'model'> {
  /** The k nearest codes of each query, by (distance, id). Throws as in `h2q/browser`. */
  search(queries: Codes, k: number, options?: SearchOptions): Promise<SearchResult>;
  /** {@link HammingIndex.search}, blocking. */
  searchSync(queries: Codes, k: number, options?: SearchSyncOptions): SearchResult;
  /** All codes within `radius` of each query: distance <= radius. */
  searchRadius(queries: Codes, radius: number, options?: SearchOptions): Promise<RadiusResult>;
  /** {@link HammingIndex.searchRadius}, blocking. */
  searchRadiusSync(queries: Codes, radius: number, options?: SearchSyncOptions): RadiusResult;
}

export const HammingIndex = WholeIndex as {
  readonly prototype: HammingIndex;
  /** Builds an index of `codes`, copied 4 MiB per turn of the event loop. */
  build(codes: Codes, options?: BuildOptions): Promise<HammingIndex>;
  /** {@link HammingIndex.build}, blocking. */
  buildSync(codes: Codes, options?: BuildSyncOptions): HammingIndex;
  /** Reads the file of an index, from a `Blob`, bytes or an address; every byte is checked. */
  open(input: FileInput, options?: Abortable): Promise<HammingIndex>;
};

/** Mean, projection and rotation, as in `h2q/browser`. */
export interface Model
  extends Pick<
    WholeModel,
    | 'dimensions'
    | 'bits'
    | 'fingerprint'
    | 'summary'
    | 'transform'
    | 'transformSync'
    | 'encode'
    | 'encodeSync'
  > {}

export const Model = WholeModel as {
  readonly prototype: Model;
  /** Reads the bytes of a model file. Throws MODEL_FORMAT. */
  fromBytes(bytes: Uint8Array): Model;
  /** The same from a `Blob`, bytes or an address. */
  load(input: FileInput): Promise<Model>;
};
