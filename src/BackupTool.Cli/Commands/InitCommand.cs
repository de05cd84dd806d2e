using System.CommandLine;
using BackupTool.Cli.Output;
using BackupTool.Operations.Backup;
using BackupTool.Repositories;
using BackupTool.Repositories.Storage;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup init</c></summary>
internal static class InitCommand
{
    internal static Command Create(CommandHost host) =>
        host.Create("init", "Create the repository. Nothing that is there is touched.", static async (context, cancellationToken) =>
        {
            LocalStorage storage = context.OpenStorage();
            Repository repository = await Repository.InitializeAsync(storage, context.Time, BackupRun.ToolVersion, cancellationToken);
            if (context.Json) JsonReport.Write(context.Terminal, new InitDocument(storage.Description, repository.Format.Id), CliJson.Default.InitDocument);
            else context.Terminal.Info($"created repository {repository.Format.Id[..8]} at {storage.Description}; it holds a README.txt that says how to restore without this program");
            return ExitCode.Done;
        });
}

/// <summary>The JSON of <c>init</c>.</summary>
public sealed record InitDocument(string Path, string RepositoryId);
