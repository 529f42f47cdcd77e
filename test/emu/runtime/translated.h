// All that a translated module includes.
#pragma once

#include "arithmetic.h"
#include "bit_operations.h"
#include "conversions.h"
#include "counters.h"
#include "matrix.h"
#include "memory.h"
#include "synchronisation.h"

namespace emu {

EMU_EXPORT s32 print_formatted(u64 format, u64 arguments);
EMU_EXPORT u64 tick();  // %clock and its relatives: grows with every reading

}  // namespace emu
