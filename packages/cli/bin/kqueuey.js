#!/usr/bin/env node
// The command is built into dist; this file is here before that, so that npm can link and mark it.
import "../dist/main.js";
