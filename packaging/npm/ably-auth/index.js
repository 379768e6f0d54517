'use strict';

module.exports = { ...require('./lib/sandbox.js'), ...require('./lib/program.js') };
