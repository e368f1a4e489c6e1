from gotee.runtime.waits cimport Waits

cdef double OWN_LOOP_TURN        # seconds between two turns of the own loop while another runs


cdef class Driving(Waits):
    cdef object own_loop
