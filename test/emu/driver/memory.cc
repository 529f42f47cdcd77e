#include "memory.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "modules.h"

namespace emu {

std::map<u64, Allocation> allocations;

namespace {

constexpr u64 kSlot =
    1 << 20;  // each allocation has its own 1 MiB of addresses: recent_slot() tells them apart
constexpr u64 kPage = 4096;
constexpr u64 kAlignment = 256;  // as the API promises, and no more
constexpr size_t kRemembered = 4096;

std::map<u64, Allocation> freed;  // the last few thousand, to be named in messages
u64 arena = 0, arena_size = 0, arena_used = 0, backing = 0, allocation_count = 0;

u64 round_up(u64 n, u64 to) {
  return (n + to - 1) / to * to;
}

struct sigaction old_segv;
void on_segv(int signal_number, siginfo_t* info, void* context) {
  const u64 address = reinterpret_cast<u64>(info->si_addr);
  if (is_device_address(address)) {
    char text[160];
    const int n = std::snprintf(text, sizeof text,
                                "emu: host code read or wrote through the device pointer 0x%llx\n", address);
    if (write(2, text, static_cast<size_t>(n)) < 0) return;
  }
  if (old_segv.sa_flags & SA_SIGINFO && old_segv.sa_sigaction) {
    return old_segv.sa_sigaction(signal_number, info, context);
  }
  signal(SIGSEGV, SIG_DFL);  // the access repeats and ends the process
}

const Allocation* below(const std::map<u64, Allocation>& in, u64 address) {
  auto after = in.upper_bound(address);
  return after == in.begin() ? nullptr : &std::prev(after)->second;
}

}  // namespace

bool is_device_address(u64 address) {
  return address - arena < arena_size;
}

bool reserve_address_space() {
  auto reserve = [] {
    return mmap(nullptr, arena_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  };
  for (arena_size = 1ull << 43; arena_size >= 1ull << 34; arena_size >>= 1) {
    void *a = reserve(), *b = a == MAP_FAILED ? a : reserve();
    if (b != MAP_FAILED) {
      arena = round_up(reinterpret_cast<u64>(a), kSlot);
      backing = round_up(reinterpret_cast<u64>(b), kSlot);
      arena_size -= kSlot;
      break;
    }
    if (a != MAP_FAILED) munmap(a, arena_size);
  }
  if (!arena) return false;
  if (options().catch_segv) {
    struct sigaction action = {};
    action.sa_sigaction = on_segv;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &action, &old_segv);
  }
  return true;
}

std::string describe(u64 a) {
  if (a < 65536) return "a null pointer";
  const Allocation *live = below(allocations, a), *old = below(freed, a);
  const bool is_freed = old && (!live || old->address > live->address);
  const Allocation* m = is_freed ? old : live;
  if (!m || (!is_device_address(a) && a - m->address >= m->size)) {
    return is_device_address(a) ? "device address space that was never allocated"
                                : "not device memory (a host pointer or a number?)";
  }
  const bool inside = a - m->address < m->size;
  char text[200];
  std::snprintf(text, sizeof text, "%s%llu%s allocation #%llu (%llu bytes)%s", inside ? "byte " : "",
                inside ? a - m->address : a - m->address - m->size, inside ? " of" : " bytes past the end of",
                m->number, m->size,
                is_freed                           ? ", which is freed"
                : m->state == Allocation::kPlanned ? ", whose cuMemAllocAsync has not run yet"
                                                   : "");
  return text;
}

CUresult allocate(CUdeviceptr* out, size_t size, Allocation::State state, Pool* pool) {
  if (!out || !size) return fail(CUDA_ERROR_INVALID_VALUE, "an allocation of %zu bytes", size);
  const u64 total = options().memory_bytes;
  if (size > total - bytes_in_use) {
    return fail(CUDA_ERROR_OUT_OF_MEMORY, "an allocation of %zu bytes: %llu of %llu (PTX_MEM) are in use",
                size, bytes_in_use, total);
  }
  const u64 room = round_up(size + kAlignment + kPage, kSlot);
  if (arena_used + room > arena_size) {
    return fail(CUDA_ERROR_OUT_OF_MEMORY, "device address space is used up (addresses are never used again)");
  }
  const u64 base = arena + arena_used, host = backing + arena_used;
  if (mprotect(reinterpret_cast<void*>(host), round_up(size + kAlignment, kPage), PROT_READ | PROT_WRITE)) {
    return fail(CUDA_ERROR_OUT_OF_MEMORY, "mprotect: %s", std::strerror(errno));
  }
  arena_used += room, bytes_in_use += size, region_version++;
  const u64 address = base + kAlignment;
  poison(reinterpret_cast<void*>(host + kAlignment), size);
  allocations[address] = {
      address, size, ++allocation_count, static_cast<s64>(host - base), state, Allocation::kDevice,
      pool,    false};
  if (pool) {
    pool->in_use += size;
    pool->most_in_use = std::max(pool->most_in_use, pool->in_use);
  }
  *out = address;
  return CUDA_SUCCESS;
}

CUresult add_host_memory(void* start, size_t size, Allocation::Kind kind) {
  const u64 address = reinterpret_cast<u64>(start);
  freed.erase(address);
  allocations[address] = {address, size, ++allocation_count, 0, Allocation::kLive, kind, nullptr, false};
  region_version++;
  return CUDA_SUCCESS;
}

void discard(u64 address) {
  auto it = allocations.find(address);
  if (it == allocations.end()) return;
  const Allocation m = it->second;
  allocations.erase(it);
  freed[address] = m;
  if (freed.size() > kRemembered) freed.erase(freed.begin());
  region_version++;
  if (m.kind == Allocation::kPinned) munmap(reinterpret_cast<void*>(m.address), m.size);
  if (m.kind != Allocation::kDevice) return;
  bytes_in_use -= m.size;
  if (m.pool) m.pool->in_use -= m.size;
  void* bytes = reinterpret_cast<void*>(m.address + static_cast<u64>(m.shift) - kAlignment);
  const size_t size = round_up(m.size + kAlignment, kPage);
  madvise(bytes, size, MADV_DONTNEED);
  mprotect(bytes, size, PROT_NONE);
}

CUresult find_releasable(u64 address, Allocation::Kind kind, const char* call, Allocation** out) {
  auto live = allocations.find(address), old = freed.find(address);
  if (live == allocations.end() && old != freed.end()) {
    return fail(CUDA_ERROR_INVALID_VALUE, "%s(0x%llx): double free of allocation #%llu", call, address,
                old->second.number);
  }
  if (live == allocations.end() || live->second.kind != kind) {
    return fail(CUDA_ERROR_INVALID_VALUE, "%s(0x%llx): not the start of memory of this kind; it is %s", call,
                address, describe(address).c_str());
  }
  if (live->second.released) {
    return fail(CUDA_ERROR_INVALID_VALUE, "%s(0x%llx): double free of allocation #%llu", call, address,
                live->second.number);
  }
  *out = &live->second;
  return CUDA_SUCCESS;
}

Allocation* find_allocation(u64 address) {
  auto m = const_cast<Allocation*>(below(allocations, address));
  return m && address - m->address < m->size ? m : nullptr;
}

char* translate(u64 address, size_t size, bool planned) {
  const Allocation* m = below(allocations, address);
  if (m && address - m->address <= m->size && size <= m->size - (address - m->address) &&
      (m->state == Allocation::kLive || planned)) {
    return reinterpret_cast<char*>(address + static_cast<u64>(m->shift));
  }
  return find_variable_bytes(address, size);
}

std::vector<Region> current_regions() {
  std::vector<Region> regions = variable_regions();
  for (auto& [address, m] : allocations) {
    if (m.state == Allocation::kLive) regions.push_back({address, address + m.size, m.shift});
  }
  std::sort(regions.begin(), regions.end(), [](auto& x, auto& y) { return x.begin < y.begin; });
  return regions;
}

}  // namespace emu
