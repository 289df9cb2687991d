// `npm run demo -- ARGS`: set-up, then `h2q demo ARGS`.
process.argv.splice(2, 0, 'demo');
await import('./h2q.mjs');
