using BackupTool.Cli.Commands;
using BackupTool.Cli.Output;
using BackupTool.Operations;
using BackupTool.Operations.Configuration;
using BackupTool.Posix;
using BackupTool.Repositories;

ErrorReport.Register<UsageException>(ExitCode.Usage);
ErrorReport.Register<ConfigurationException>(ExitCode.Usage);
ErrorReport.Register<UnknownServiceException>(ExitCode.Usage);
ErrorReport.Register<InvalidGlobException>(ExitCode.Usage);
ErrorReport.Register<NotInRepositoryException>(ExitCode.Usage);
ErrorReport.Register<RepositoryNotFoundException>(ExitCode.NoRepository);
ErrorReport.Register<RepositoryLockedException>(ExitCode.Locked);
ErrorReport.Register<RepositoryDamagedException>(ExitCode.RepositoryDamaged);

return await CommandLine.RunAsync(args);
