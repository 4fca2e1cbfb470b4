// Reads what Chromium reported, a list of {method, params}, and prints it as an HTTP archive.
import { readFileSync } from 'node:fs';
import { harFromMessages } from 'chrome-har';

process.stdout.write(JSON.stringify(harFromMessages(JSON.parse(readFileSync(process.argv[2], 'utf8')), { includeTextFromResponseBody: true })));
