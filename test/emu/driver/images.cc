// PTX out of a fatbin, as nvcc 13 writes it (found by reading its files).
//   Header: u32 magic, u16 version, u16 size of the header, u64 size of all entries.
//   Entry:  u16 kind (1 PTX, 2 cubin), u16 version, u32 size of this header, u64 size of the payload, u32
//   compressed size,
//           ..., u32 architecture at byte 28, u64 flags at byte 40, u64 uncompressed size at byte 56; then
//           the payload.
#include "modules.h"

namespace emu {
namespace {

constexpr u32 kWrapperMagic = 0x466243B1, kFatbinMagic = 0xBA55ED50;
constexpr u64 kLz4 = 0x2000, kZstd = 0x8000;
constexpr size_t kMostText = 64 << 20;

template <class V>
V at(const char* p, u64 offset) {
  return load<V>(p + offset);
}

}  // namespace

CUresult extract_ptx(const void* image, std::string* ptx) {
  const char* p = static_cast<const char*>(image);
  if (!p) return fail(CUDA_ERROR_INVALID_VALUE, "cuModuleLoadData(NULL)");
  if (at<u32>(p, 0) == kWrapperMagic) p = at<const char*>(p, 8);
  if (!std::memcmp(p,
                   "\x7f"
                   "ELF",
                   4)) {
    return fail(CUDA_ERROR_NO_BINARY_FOR_GPU,
                "the image is a cubin; this driver runs PTX only (nvcc -fatbin with code=compute_XX)");
  }
  if (at<u32>(p, 0) != kFatbinMagic) {
    ptx->assign(p, strnlen(p, kMostText));
    if (ptx->find(".version") < 65536) return CUDA_SUCCESS;
    return fail(CUDA_ERROR_INVALID_IMAGE, "the image is neither a fatbin (0xBA55ED50) nor PTX text");
  }
  u64 offset = at<u16>(p, 6);
  const u64 end = offset + at<u64>(p, 8);
  u32 best = 0;
  bool packed = false;
  std::string seen;
  while (offset + 64 <= end) {
    const char* entry = p + offset;
    const u32 kind = at<u16>(entry, 0), header = at<u32>(entry, 4), architecture = at<u32>(entry, 28);
    const u64 size = at<u64>(entry, 8), flags = at<u64>(entry, 40);
    if (header < 64 || size > end - offset - header) {
      return fail(CUDA_ERROR_INVALID_IMAGE, "malformed fatbin entry at byte %llu", offset);
    }
    const bool compressed = flags & (kLz4 | kZstd) || at<u32>(entry, 16);
    seen += (kind == 1   ? " PTX:compute_"
             : kind == 2 ? " cubin:sm_"
                         : " kind" + std::to_string(kind) + ":") +
            std::to_string(architecture) + (compressed ? flags & kLz4 ? "(LZ4)" : "(zstd)" : "");
    if (kind == 1 && compressed) packed = true;
    if (kind == 1 && !compressed && architecture <= static_cast<u32>(options().capability) &&
        architecture > best) {
      best = architecture;
      ptx->assign(entry + header, strnlen(entry + header, size));
    }
    offset += header + size;
  }
  if (best) return CUDA_SUCCESS;
  return fail(CUDA_ERROR_NO_BINARY_FOR_GPU,
              "no usable PTX for compute capability %d in the fatbin; it has:%s.%s", options().capability,
              seen.c_str(),
              packed ? " Compressed entries are not read: build with nvcc -fatbin --no-compress." : "");
}

}  // namespace emu
