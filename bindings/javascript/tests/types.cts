// The types of `require`.

import api = require('ably-capability');

const permitted: boolean = api.Capability.parse('{"chat":["*"]}').permits('publish', 'chat');

export = permitted;
