#pragma once

namespace emu {

// Names what was not freed and what never ran, with PTX_LEAKS=1.
void report_leaks();

// At the end of the process: leaks, and the counters into the file that PTX_STATS names.
void report_at_end();

}  // namespace emu
