/** A worker that only encodes and searches, from the small module. */

import * as h2q from 'h2q/search';

export interface SearchQuestion {
  model: Uint8Array;
  index: Uint8Array;
  queries: h2q.Matrix;
}

export interface SearchAnswer {
  codes: h2q.Codes;
  hits: h2q.SearchResult;
}

addEventListener('message', async ({ data }: MessageEvent<SearchQuestion>) => {
  await h2q.init();
  const codes = h2q.Model.fromBytes(data.model).encodeSync(data.queries);
  const index = await h2q.HammingIndex.open(data.index);
  const answer: SearchAnswer = { codes, hits: index.searchSync(codes, 5) };
  postMessage(answer);
});
