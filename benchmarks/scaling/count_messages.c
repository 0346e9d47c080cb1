// Counts what this rank sends to other ranks: preloaded into a program that uses MPI, by the profiling interface of MPI (PMPI).
//
//   mpicc -shared -fPIC -O2 count_messages.c -o count_messages.so && LD_PRELOAD=./count_messages.so MESSAGES=prefix mpirun -n 2 lmp ...
//
// Writes prefix.RANK at the end: number of messages, their bytes.
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

static long long messages, bytes;

static void count(int number, MPI_Datatype type, int to, MPI_Comm comm) {
  int own, size;
  PMPI_Comm_rank(comm, &own);
  if (to == own || to == MPI_PROC_NULL) return;
  PMPI_Type_size(type, &size);
  ++messages;
  bytes += (long long)number * size;
}

int MPI_Send(const void *data, int number, MPI_Datatype type, int to, int tag, MPI_Comm comm) {
  count(number, type, to, comm);
  return PMPI_Send(data, number, type, to, tag, comm);
}

int MPI_Isend(const void *data, int number, MPI_Datatype type, int to, int tag, MPI_Comm comm, MPI_Request *request) {
  count(number, type, to, comm);
  return PMPI_Isend(data, number, type, to, tag, comm, request);
}

int MPI_Rsend(const void *data, int number, MPI_Datatype type, int to, int tag, MPI_Comm comm) {
  count(number, type, to, comm);
  return PMPI_Rsend(data, number, type, to, tag, comm);
}

int MPI_Sendrecv(const void *data, int number, MPI_Datatype type, int to, int tag, void *received, int most, MPI_Datatype received_type,
                 int from, int received_tag, MPI_Comm comm, MPI_Status *status) {
  count(number, type, to, comm);
  return PMPI_Sendrecv(data, number, type, to, tag, received, most, received_type, from, received_tag, comm, status);
}

int MPI_Finalize(void) {
  const char *prefix = getenv("MESSAGES");
  if (prefix) {
    int rank;
    char path[4096];
    PMPI_Comm_rank(MPI_COMM_WORLD, &rank);
    snprintf(path, sizeof path, "%s.%d", prefix, rank);
    FILE *file = fopen(path, "w");
    if (file) {
      fprintf(file, "%lld %lld\n", messages, bytes);
      fclose(file);
    }
  }
  return PMPI_Finalize();
}
