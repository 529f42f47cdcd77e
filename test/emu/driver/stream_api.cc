// cuStream* and cuEvent*, and functions of the host on streams.
#include "graphs.h"
#include "streams.h"

using namespace emu;

#define FIND_STREAM(s, handle)     \
  Stream* s = find_stream(handle); \
  if (!s) return CUDA_ERROR_INVALID_HANDLE
#define FIND_EVENT(e, handle)    \
  Event* e = find_event(handle); \
  if (!e) return CUDA_ERROR_INVALID_HANDLE

EMU_API cuStreamCreateWithPriority(CUstream* out, unsigned flags, int priority) {
  EMU_ENTER();
  if (!out || flags > CU_STREAM_NON_BLOCKING) return CUDA_ERROR_INVALID_VALUE;
  *out = create_stream(flags != CU_STREAM_NON_BLOCKING, priority);
  return CUDA_SUCCESS;
}
EMU_API cuStreamCreate(CUstream* out, unsigned flags) {
  return cuStreamCreateWithPriority(out, flags, 0);
}
EMU_API cuStreamDestroy(CUstream handle) {  // queued work still runs
  EMU_ENTER();
  FIND_STREAM(s, handle);
  if (handle == nullptr || handle == CU_STREAM_LEGACY || handle == CU_STREAM_PER_THREAD) {
    return CUDA_ERROR_INVALID_HANDLE;
  }
  if (s->capture) abandon_capture(*s);
  s->destroyed = true;
  return CUDA_SUCCESS;
}
EMU_API cuStreamSynchronize(CUstream handle) {
  EMU_ENTER();
  FIND_STREAM(s, handle);
  if (s->capture) return refuse_in_capture(*s, "cuStreamSynchronize");
  if (s != &null_stream) return finish(s->last);
  EMU_TRY(refuse_null_stream());
  return finish(enqueue(s, Work::empty()));
}
EMU_API cuStreamQuery(CUstream handle) {
  EMU_ENTER();
  FIND_STREAM(s, handle);
  if (s->capture) return refuse_in_capture(*s, "cuStreamQuery");
  return advance(s->last);
}
EMU_API cuStreamGetFlags(CUstream handle, unsigned* flags) {
  EMU_ENTER();
  FIND_STREAM(s, handle);
  *flags = s->blocking ? CU_STREAM_DEFAULT : CU_STREAM_NON_BLOCKING;
  return CUDA_SUCCESS;
}
EMU_API cuStreamGetPriority(CUstream handle, int* priority) {
  EMU_ENTER();
  FIND_STREAM(s, handle);
  *priority = s->priority;
  return CUDA_SUCCESS;
}
EMU_API cuStreamGetCtx(CUstream handle, CUcontext* context) {
  EMU_ENTER();
  FIND_STREAM(s, handle);
  *context = s ? the_context() : nullptr;
  return CUDA_SUCCESS;
}
EMU_API cuStreamWaitEvent(CUstream handle, CUevent event, unsigned) {
  EMU_ENTER();
  FIND_STREAM(s, handle);
  FIND_EVENT(e, event);
  if (e->capture || s->capture) return capture_wait(*s, *e);
  if (e->operation && !e->operation->done) enqueue(s, Work::empty(), {e->operation});
  return broken;
}

EMU_API cuLaunchHostFunc(CUstream handle, CUhostFn function, void* data) {
  EMU_ENTER();
  FIND_STREAM(s, handle);
  if (!function) return fail(CUDA_ERROR_INVALID_VALUE, "cuLaunchHostFunc: the function is NULL");
  return submit(s, Work::plain(CU_GRAPH_NODE_TYPE_HOST, [=]() -> CUresult {
                  in_host_function = true;
                  function(data);
                  in_host_function = false;
                  return CUDA_SUCCESS;
                }));
}

EMU_API cuEventCreate(CUevent* out, unsigned flags) {
  EMU_ENTER();
  if (!out) return CUDA_ERROR_INVALID_VALUE;
  *out = reinterpret_cast<CUevent>(create_event(flags));
  return CUDA_SUCCESS;
}
EMU_API cuEventDestroy(CUevent handle) {
  EMU_ENTER();
  FIND_EVENT(e, handle);
  destroy_event(e);
  return CUDA_SUCCESS;
}
EMU_API cuEventRecord(CUevent handle, CUstream stream) {
  EMU_ENTER();
  FIND_STREAM(s, stream);
  FIND_EVENT(e, handle);
  if (s->capture) return capture_record(*s, *e);
  EMU_TRY(submit(s, Work::empty(), &e->operation));
  e->capture = nullptr;
  e->frontier.clear();
  return CUDA_SUCCESS;
}
EMU_API cuEventRecordWithFlags(CUevent event, CUstream stream, unsigned) {
  return cuEventRecord(event, stream);
}
EMU_API cuEventQuery(CUevent handle) {
  EMU_ENTER();
  FIND_EVENT(e, handle);
  if (e->capture) return refuse_captured_event("cuEventQuery");
  return advance(e->operation);
}
EMU_API cuEventSynchronize(CUevent handle) {
  EMU_ENTER();
  FIND_EVENT(e, handle);
  if (e->capture) return refuse_captured_event("cuEventSynchronize");
  return finish(e->operation);
}
EMU_API cuEventElapsedTime(float* milliseconds, CUevent from, CUevent to) {
  EMU_ENTER();
  FIND_EVENT(a, from);
  FIND_EVENT(b, to);
  if (!a->operation || !b->operation || (a->flags | b->flags) & CU_EVENT_DISABLE_TIMING) {
    return fail(CUDA_ERROR_INVALID_HANDLE,
                "cuEventElapsedTime: an event was never recorded, or has no timing");
  }
  if (!a->operation->done || !b->operation->done) return CUDA_ERROR_NOT_READY;
  *milliseconds = static_cast<float>(1e3 * (b->operation->done_at - a->operation->done_at));
  return CUDA_SUCCESS;
}
#undef cuEventElapsedTime
EMU_API cuEventElapsedTime(float* milliseconds, CUevent from, CUevent to) {
  return cuEventElapsedTime_v2(milliseconds, from, to);
}
