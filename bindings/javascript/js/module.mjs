// Loads the module without waiting: its bytes are in this package's code, or the runtime has imported it.

import { initSync } from '../build/raw.js';
import module from '../build/raw_bg.wasm';

initSync({ module });

export { Draft, Rights, SigningKey, inspectJwt, signTokenRequest, verifyJwt, verifyTokenRequest } from '../build/raw.js';
