// Device memory. Addresses are reserved, inaccessible address space and their bytes lie elsewhere, so that
// host code that follows a device pointer faults. They are never used again, so a stale pointer is always
// found out.
#pragma once

#include <map>
#include <vector>

#include "state.h"

namespace emu {

struct Pool {
  u64 release_threshold = 0;
  u64 in_use = 0, most_in_use = 0;
};

struct Allocation {
  enum State { kPlanned, kLive };               // planned: its cuMemAllocAsync has not run
  enum Kind { kDevice, kPinned, kRegistered };  // pinned: made here; registered: the program's own memory
  u64 address, size, number;
  s64 shift;  // its bytes lie at address + shift
  State state;
  Kind kind;
  Pool* pool;     // of cuMemAllocAsync, else null
  bool released;  // a free was asked for; it may still be queued
};

extern std::map<u64, Allocation> allocations;  // by address
inline u64 bytes_in_use = 0;
inline u64 region_version = 1;  // counts every change of where kernels may go

bool reserve_address_space();
bool is_device_address(u64 address);
CUresult allocate(CUdeviceptr* out, size_t size, Allocation::State state, Pool* pool);
CUresult add_host_memory(void* start, size_t size, Allocation::Kind kind);
void discard(u64 address);

// What lies at an address, for messages: "byte 4 of allocation #3 (64 bytes)".
std::string describe(u64 address);

// The allocation that may be freed by a call for memory of this kind, or an error about why not.
CUresult find_releasable(u64 address, Allocation::Kind kind, const char* call, Allocation** out);
// The allocation that an address lies in, or null.
Allocation* find_allocation(u64 address);

// The bytes of [address, address + size), or null. planned: memory whose cuMemAllocAsync is still queued
// counts too.
char* translate(u64 address, size_t size, bool planned);

// All that kernels may touch.
std::vector<Region> current_regions();

}  // namespace emu
