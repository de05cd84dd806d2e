using BackupTool.Cli.Agent;
using BackupTool.Cli.Commands;
using BackupTool.Cli.Output;
using BackupTool.Operations;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Replacing;
using BackupTool.Operations.Schedules;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Services.Sources.Sqlite;

StandardStreams.EnsureOpen();

ErrorReport.Register<UsageException>(ExitCode.Usage);
ErrorReport.Register<ConfigurationException>(ExitCode.Usage);
ErrorReport.Register<UnknownServiceException>(ExitCode.Usage);
ErrorReport.Register<UnknownScheduleException>(ExitCode.Usage);
ErrorReport.Register<InvalidGlobException>(ExitCode.Usage);
ErrorReport.Register<NotInRepositoryException>(ExitCode.Usage);
ErrorReport.Register<AgentRunsAlreadyException>(ExitCode.Locked);
ErrorReport.Register<ReplacementUnderWayException>(ExitCode.Locked);
ErrorReport.Register<NothingToRollBackException>(ExitCode.NothingToDo);
ErrorReport.Register<CalendarException>(ExitCode.Usage);
ErrorReport.Register<QueryException>(ExitCode.Usage);
ErrorReport.Register<RepositoryNotFoundException>(ExitCode.NoRepository);
ErrorReport.Register<RepositoryLockedException>(ExitCode.Locked);
ErrorReport.Register<RepositoryDamagedException>(ExitCode.RepositoryDamaged);

// The pipelines' loops block their threads in system calls: the pool must not wait half a second before it lends one more.
ThreadPool.SetMinThreads(Environment.ProcessorCount + 8, Environment.ProcessorCount + 8);

AgentTie.Honour();

return await CommandLine.RunAsync(args);
