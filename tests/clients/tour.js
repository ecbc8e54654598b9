// tour.js -- what the tours of the JavaScript libraries share: parts that pass, fail or are not there yet.
'use strict';
const PART_SECONDS = 30;
const parts = [];

// A part of the tour; where the server says that a command is not supported yet, it is skipped.
function part(name, run) { parts.push({name, run}); }

function withinTime(promise, name) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${name} took over ${PART_SECONDS} s`)), PART_SECONDS * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function isNotThereYet(error) {
  return [error, ...(error.errors || []), ...(error.previousErrors || [])]
    .some((e) => /not supported yet by AvowDB/.test(String(e && e.message)));
}

async function take(context) {
  let failed = 0;
  for (const {name, run} of parts) {
    try {
      await withinTime(run(context), name);
      console.log(`ok ${name}`);
    } catch (error) {
      if (isNotThereYet(error)) {
        console.log(`skip ${name}: ${error.message}`);
      } else {
        failed++;
        console.log(`FAIL ${name}: ${error.stack}`);
      }
    }
  }
  return failed;
}

const ports = process.argv.slice(2).map(Number);
module.exports = {part, take, ports};
