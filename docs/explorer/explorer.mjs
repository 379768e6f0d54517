// The page of the explorer: the console's inspector, with a module in the place of the service.

import { createCredential, createIntersection } from './console/inspect.mjs';
import { load } from './module.mjs';

const main = document.getElementById('main');

try {
  const response = await fetch('explorer.wasm');
  if (!response.ok) throw new Error(`explorer.wasm: status ${response.status}`);
  const ask = await load(await response.arrayBuffer());
  const context = {
    handoff: null,
    api: {
      async post(path, body) {
        const answer = ask({ ask: path, ...(path === 'inspect' ? { now: Date.now() } : {}), ...body });
        if (answer.error) throw answer.error;
        return answer;
      },
    },
  };
  const about = 'It stays in this page: a module of this page reads it, and nothing is sent.';
  main.replaceChildren(createCredential(context, { about }).element, createIntersection(context).element);
} catch (error) {
  document.getElementById('loading').prepend(`${error.message}. `);
}
