export { Capability } from './capability.mjs';
export { AblyAuthError } from './error.mjs';
export { inspectJwt, mintJwt, verifyJwt } from './jwt.mjs';
export { Key, parseKey } from './key.mjs';
export { signTokenRequest, verifyTokenRequest } from './token-request.mjs';
