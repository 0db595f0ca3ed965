/* Hides from a tracer all frames but those of measured files.
 *
 * With Python 3.11 a tracer makes each instruction of its thread dear, also those of files that it does not measure:
 * the evaluation loop asks after every one whether a new line begins. Whether it asks is a flag of each evaluation
 * ("use_tracing"). A frame evaluation function (PEP 523) of our own sets it before each frame, by the frame's file.
 * What coverage hears of measured files is the same, event by event.
 */
#define PY_SSIZE_T_CLEAN
#define Py_BUILD_CORE
#include <Python.h>
#include <internal/pycore_frame.h>

#if PY_VERSION_HEX < 0x030B0000 || PY_VERSION_HEX >= 0x030C0000
#error "The flag is Python 3.11's."
#endif

#define TRACED 255

static PyObject *prefixes; /* a tuple of the beginnings of measured files' names */
static Py_ssize_t kept = -1; /* where a code object keeps what was found out: 1 or 2 */
static __thread Py_tracefunc hidden;  /* the thread's tracer while it runs what is not measured */

static int
is_measured(PyCodeObject *code)
{
    void *known = NULL;
    if (_PyCode_GetExtra((PyObject *)code, kept, &known) == 0 && known != NULL) {
        return known == (void *)2;
    }
    int found = 0;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(prefixes) && !found; i++) {
        found = PyUnicode_Tailmatch(code->co_filename, PyTuple_GET_ITEM(prefixes, i), 0, PY_SSIZE_T_MAX, -1) == 1;
    }
    _PyCode_SetExtra((PyObject *)code, kept, found ? (void *)2 : (void *)1);
    return found;
}

/* Let the evaluation see this tracer; an exception calls it whatever the flag says. */
static void
show(PyThreadState *thread, Py_tracefunc shown, Py_tracefunc tracer)
{
    thread->c_tracefunc = shown;
    thread->cframe->use_tracing = shown == NULL ? 0 : TRACED;
    hidden = tracer;
}

static Py_tracefunc
tracer_of(PyThreadState *thread)
{
    if (thread->c_tracefunc != NULL) {
        return thread->c_tracefunc;
    }
    /* Who stops tracing takes the object away too. */
    return thread->c_traceobj != NULL ? hidden : NULL;
}

static PyObject *
evaluate(PyThreadState *thread, _PyInterpreterFrame *frame, int throwing)
{
    Py_tracefunc tracer = tracer_of(thread);
    /* Inside the tracer itself nothing is traced. */
    if (tracer == NULL || thread->tracing) {
        return _PyEval_EvalFrameDefault(thread, frame, throwing);
    }
    /* The new evaluation takes the flag from its caller's, and gives it back at its end. */
    int was_hidden = thread->c_tracefunc == NULL;
    show(thread, is_measured(frame->f_code) ? tracer : NULL, tracer);
    PyObject *result = _PyEval_EvalFrameDefault(thread, frame, throwing);
    /* It may be another one now, or none. */
    tracer = tracer_of(thread);
    show(thread, was_hidden ? NULL : tracer, tracer);
    return result;
}

static PyObject *
begin(PyObject *module, PyObject *names)
{
    if (!PyTuple_Check(names)) {
        PyErr_SetString(PyExc_TypeError, "a tuple of str");
        return NULL;
    }
    if (kept < 0) {
        kept = _PyEval_RequestCodeExtraIndex(NULL);
        prefixes = Py_NewRef(names);
    }
    if (kept >= 0) {
        _PyInterpreterState_SetEvalFrameFunc(PyInterpreterState_Get(), evaluate);
    }
    Py_RETURN_NONE;
}

static PyObject *
end(PyObject *module, PyObject *unused)
{
    _PyInterpreterState_SetEvalFrameFunc(PyInterpreterState_Get(), _PyEval_EvalFrameDefault);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"begin", begin, METH_O, "Trace only files whose names begin so."},
    {"end", end, METH_NOARGS, "Leave it to Python again."},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "quick_tracing", NULL, -1, functions};

PyMODINIT_FUNC
PyInit_quick_tracing(void)
{
    return PyModule_Create(&definition);
}
