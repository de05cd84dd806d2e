using System.CommandLine;
using BackupTool.Cli.Output;
using BackupTool.Repositories;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Locking;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup repair</c></summary>
internal static class RepairCommand
{
    internal static Command Create(CommandHost host)
    {
        Command index = host.Create("index", "Rebuild the index from the packs' own tables.", static async (context, cancellationToken) =>
        {
            await context.RecoverFirstAsync(cancellationToken);
            Repository repository = await context.OpenRepositoryAsync(cancellationToken);
            await using RepositoryLock held = await RepositoryLock.AcquireAsync(
                repository.Storage, LockMode.Write, "repair index", TimeSpan.FromMinutes(1), context.Time, context.Terminal.Info, cancellationToken);
            context.Progress.Begin("packs", null, (await repository.Storage.ListAsync("packs/", cancellationToken)).Count);
            IndexRepairResult result = await IndexRepair.RunAsync(repository, () => context.Progress.Advance(0, 1), cancellationToken);
            context.Progress.Dispose();
            foreach (RepositoryDamagedException damage in result.DamagedPacks) context.Terminal.Error(damage.Message);
            if (context.Json) JsonReport.Write(context.Terminal, RepairDocument.From(result), CliJson.Default.RepairDocument);
            else if (!context.Quiet) context.Terminal.WriteLine($"rebuilt the index from {result.Packs:N0} packs with {result.Chunks:N0} chunks");
            return result.DamagedPacks.Count > 0 ? ExitCode.RepositoryDamaged : ExitCode.Done;
        });
        return new Command("repair", "Mend what can be rebuilt.") { index };
    }
}

/// <summary>The JSON of <c>repair index</c>.</summary>
public sealed record RepairDocument(int Packs, long Chunks, int RemovedFiles, string[] DamagedPacks)
{
    internal static RepairDocument From(IndexRepairResult result) => new(result.Packs, result.Chunks, result.RemovedFiles, [.. result.DamagedPacks.Select(static d => d.Message)]);
}
