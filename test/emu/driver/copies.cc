// Copies and fills. A host buffer must stay as it is until its copy has run: its contents are compared then.
#include <algorithm>

#include "graphs.h"
#include "memory.h"
#include "streams.h"

using namespace emu;

namespace {

enum class Side { kHost, kDevice };

// Rows of bytes: `height` of `width` bytes, each `pitch` bytes after the one before.
struct Place {
  Side side;
  u64 address;
  size_t pitch;
};
struct Shape {
  size_t width, height;
};

size_t extent(const Place& p, const Shape& s) {
  return (s.height - 1) * p.pitch + s.width;
}

u64 hash_rows(const Place& p, const Shape& s) {
  u64 h = 0xCBF29CE484222325ull;
  for (size_t row = 0; row < s.height; row++)
    h = hash_bytes(reinterpret_cast<char*>(p.address + row * p.pitch), s.width, h);
  return h;
}

CUresult check_place(const Place& p, const Shape& s, const char* call, const char* what) {
  if (s.height > 1 && p.pitch < s.width) {
    return fail(CUDA_ERROR_INVALID_VALUE, "%s: the %s's pitch %zu is less than the width %zu", call, what,
                p.pitch, s.width);
  }
  if (p.side == Side::kDevice && !translate(p.address, extent(p, s), true)) {
    return fail(CUDA_ERROR_INVALID_VALUE, "%s of %zu bytes: the %s 0x%llx is %s", call, extent(p, s), what,
                p.address, describe(p.address).c_str());
  }
  if (p.side == Side::kHost && is_device_address(p.address)) {
    return fail(CUDA_ERROR_INVALID_VALUE, "%s: the host %s 0x%llx is a device pointer", call, what,
                p.address);
  }
  if (p.side == Side::kHost && !p.address)
    return fail(CUDA_ERROR_INVALID_VALUE, "%s: the host %s is NULL", call, what);
  return CUDA_SUCCESS;
}

// The bytes of a place when the copy runs.
char* bytes_now(const Place& p, const Shape& s) {
  return p.side == Side::kHost ? reinterpret_cast<char*>(p.address)
                               : translate(p.address, extent(p, s), false);
}

struct Copy {
  const char* call;
  Place to, from;
  Shape shape;
  bool waits;  // the call returns when it is done

  Work::Run prepare() const {
    const bool checks = from.side == Side::kHost && !waits &&
                        !host_memory_in_use(reinterpret_cast<void*>(from.address), extent(from, shape), true);
    const u64 before = checks ? hash_rows(from, shape) : 0;
    // Reading the result before the copy has run shows.
    void* result = reinterpret_cast<void*>(to.address);
    if (to.side == Side::kHost && !waits && options().streams != StreamOrder::kEager &&
        !host_memory_in_use(result, extent(to, shape), false)) {
      for (size_t row = 0; row < shape.height; row++)
        poison(static_cast<char*>(result) + row * to.pitch, shape.width);
    }
    return [copy = *this, checks, before] { return copy.run(checks, before); };
  }

  CUresult run(bool checks, u64 before) const {
    char *d = bytes_now(to, shape), *f = bytes_now(from, shape);
    if (!d || !f) {
      const u64 address = d ? from.address : to.address;
      return fail(CUDA_ERROR_ILLEGAL_ADDRESS, "%s of %zu bytes ran when its %s 0x%llx was %s", call,
                  extent(to, shape), d ? "source" : "destination", address, describe(address).c_str());
    }
    if (checks && hash_rows(from, shape) != before) {
      EMU_TRY(warn(
          "host buffer 0x%llx (%zu bytes) was changed between %s and the copy: synchronise before reusing it",
          from.address, extent(from, shape), call));
    }
    for (size_t row = 0; row < shape.height; row++)
      std::memmove(d + row * to.pitch, f + row * from.pitch, shape.width);
    return CUDA_SUCCESS;
  }
};

CUresult start(const Copy& copy, CUstream handle) {
  EMU_ENTER();
  Stream* s = find_stream(handle);
  if (!s) return CUDA_ERROR_INVALID_HANDLE;
  if (copy.waits) EMU_TRY(refuse_while_capturing(copy.call));
  if (!copy.shape.width || !copy.shape.height) return CUDA_SUCCESS;
  EMU_TRY(check_place(copy.to, copy.shape, copy.call, "destination"));
  EMU_TRY(check_place(copy.from, copy.shape, copy.call, "source"));
  Work work;
  work.type = CU_GRAPH_NODE_TYPE_MEMCPY;
  work.prepare = [copy] { return copy.prepare(); };
  const Place& host = copy.to.side == Side::kHost ? copy.to : copy.from;
  if (host.side == Side::kHost) {
    work.host = {reinterpret_cast<char*>(host.address), extent(host, copy.shape),
                 copy.to.side == Side::kHost};
  }
  OperationPtr operation;
  EMU_TRY(submit(s, work, &operation));
  return copy.waits ? finish(operation) : CUDA_SUCCESS;
}

Place host(const void* p) {
  return {Side::kHost, reinterpret_cast<u64>(p), 0};
}
Place device(CUdeviceptr p) {
  return {Side::kDevice, p, 0};
}
// An address of either kind: what is known as device memory is that.
Place any(CUdeviceptr p) {
  return {is_device_address(p) || find_allocation(p) ? Side::kDevice : Side::kHost, p, 0};
}

CUresult copy_2d(const CUDA_MEMCPY2D* p, const char* call, CUstream stream, bool waits) {
  auto place = [](CUmemorytype type, const void* on_host, CUdeviceptr on_device, size_t x, size_t y,
                  size_t pitch) {
    Place where = type == CU_MEMORYTYPE_HOST     ? host(on_host)
                  : type == CU_MEMORYTYPE_DEVICE ? device(on_device)
                                                 : any(on_device);
    where.pitch = pitch;
    where.address += y * pitch + x;
    return where;
  };
  if (p->srcMemoryType == CU_MEMORYTYPE_ARRAY || p->dstMemoryType == CU_MEMORYTYPE_ARRAY) {
    return fail(CUDA_ERROR_NOT_SUPPORTED, "%s: arrays are not emulated", call);
  }
  return start({call,
                place(p->dstMemoryType, p->dstHost, p->dstDevice, p->dstXInBytes, p->dstY, p->dstPitch),
                place(p->srcMemoryType, p->srcHost, p->srcDevice, p->srcXInBytes, p->srcY, p->srcPitch),
                {p->WidthInBytes, p->Height},
                waits},
               stream);
}

template <class T>
CUresult fill(CUdeviceptr to, size_t pitch, T value, size_t width, size_t height, CUstream handle) {
  EMU_ENTER();
  Stream* s = find_stream(handle);
  if (!s) return CUDA_ERROR_INVALID_HANDLE;
  if (!width || !height) return CUDA_SUCCESS;
  const size_t size = (height - 1) * pitch + width * sizeof(T);
  if (to % sizeof(T) || (height > 1 && pitch < width * sizeof(T)) || !translate(to, size, true)) {
    return fail(CUDA_ERROR_INVALID_VALUE, "cuMemsetD%zu of %zu bytes at 0x%llx, which is %s", 8 * sizeof(T),
                size, to, describe(to).c_str());
  }
  return submit(s, Work::plain(CU_GRAPH_NODE_TYPE_MEMSET, [=]() -> CUresult {
                  char* p = translate(to, size, false);
                  if (!p) {
                    return fail(CUDA_ERROR_ILLEGAL_ADDRESS, "cuMemset ran when 0x%llx was %s", to,
                                describe(to).c_str());
                  }
                  for (size_t row = 0; row < height; row++) {
                    std::fill_n(reinterpret_cast<T*>(p + row * pitch), width, value);
                  }
                  return CUDA_SUCCESS;
                }));
}

}  // namespace

EMU_API cuMemcpyHtoD(CUdeviceptr to, const void* from, size_t n) {
  return start({"cuMemcpyHtoD", device(to), host(from), {n, 1}, true}, nullptr);
}
EMU_API cuMemcpyDtoH(void* to, CUdeviceptr from, size_t n) {
  return start({"cuMemcpyDtoH", host(to), device(from), {n, 1}, true}, nullptr);
}
EMU_API cuMemcpyDtoD(CUdeviceptr to, CUdeviceptr from, size_t n) {  // asynchronous, as documented
  return start({"cuMemcpyDtoD", device(to), device(from), {n, 1}, false}, nullptr);
}
EMU_API cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t n) {
  return start({"cuMemcpy", any(to), any(from), {n, 1}, true}, nullptr);
}
EMU_API cuMemcpyHtoDAsync(CUdeviceptr to, const void* from, size_t n, CUstream s) {
  return start({"cuMemcpyHtoDAsync", device(to), host(from), {n, 1}, false}, s);
}
EMU_API cuMemcpyDtoHAsync(void* to, CUdeviceptr from, size_t n, CUstream s) {
  return start({"cuMemcpyDtoHAsync", host(to), device(from), {n, 1}, false}, s);
}
EMU_API cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, size_t n, CUstream s) {
  return start({"cuMemcpyDtoDAsync", device(to), device(from), {n, 1}, false}, s);
}
EMU_API cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t n, CUstream s) {
  return start({"cuMemcpyAsync", any(to), any(from), {n, 1}, false}, s);
}
EMU_API cuMemcpy2D(const CUDA_MEMCPY2D* p) {
  return copy_2d(p, "cuMemcpy2D", nullptr, true);
}
EMU_API cuMemcpy2DUnaligned(const CUDA_MEMCPY2D* p) {
  return copy_2d(p, "cuMemcpy2DUnaligned", nullptr, true);
}
EMU_API cuMemcpy2DAsync(const CUDA_MEMCPY2D* p, CUstream s) {
  return copy_2d(p, "cuMemcpy2DAsync", s, false);
}

EMU_API cuMemsetD8(CUdeviceptr to, unsigned char v, size_t n) {
  return fill(to, 0, v, n, 1, nullptr);
}
EMU_API cuMemsetD16(CUdeviceptr to, unsigned short v, size_t n) {
  return fill(to, 0, v, n, 1, nullptr);
}
EMU_API cuMemsetD32(CUdeviceptr to, unsigned v, size_t n) {
  return fill(to, 0, v, n, 1, nullptr);
}
EMU_API cuMemsetD8Async(CUdeviceptr to, unsigned char v, size_t n, CUstream s) {
  return fill(to, 0, v, n, 1, s);
}
EMU_API cuMemsetD16Async(CUdeviceptr to, unsigned short v, size_t n, CUstream s) {
  return fill(to, 0, v, n, 1, s);
}
EMU_API cuMemsetD32Async(CUdeviceptr to, unsigned v, size_t n, CUstream s) {
  return fill(to, 0, v, n, 1, s);
}
EMU_API cuMemsetD2D8Async(CUdeviceptr to, size_t pitch, unsigned char v, size_t w, size_t h, CUstream s) {
  return fill(to, pitch, v, w, h, s);
}
EMU_API cuMemsetD2D32Async(CUdeviceptr to, size_t pitch, unsigned v, size_t w, size_t h, CUstream s) {
  return fill(to, pitch, v, w, h, s);
}
