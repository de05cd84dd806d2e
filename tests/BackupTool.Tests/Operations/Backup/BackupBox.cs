using System.Text;
using BackupTool.Operations;
using BackupTool.Operations.Backup;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Restore;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Snapshots;
using BackupTool.Repositories.Storage;
using BackupTool.Tests.Services.Health;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Backup;

/// <summary>A directory with a repository and services, in which backups run inside of this process.</summary>
internal sealed class BackupBox : IDisposable, IProgressObserver
{
    private readonly TemporaryDirectory _there = new();
    private int _restored;

    internal FixedUnits Units { get; set; } = new();
    internal TimeProvider Time { get; set; } = TimeProvider.System;
    internal List<string> Messages { get; } = [];
    internal List<string> Warnings { get; } = [];

    internal string Below(string name) => _there.Below(name);

    internal string Make(string name) => _there.Make(name);

    /// <summary>The run of a configuration with these services. Makes the repository when there is none.</summary>
    internal async Task<BackupReport> RunAsync(string services, BackupRequest? request = null)
    {
        BackupConfiguration configuration = Configure(services);
        if (!Directory.Exists(Below("repository"))) await Repository.InitializeAsync(new LocalStorage(configuration.Repository.Path), Time, "1", Test.Token);
        return await new BackupRun(configuration, Units, this, Time).RunAsync(request ?? new BackupRequest(), Test.Token);
    }

    /// <summary>A configuration with these services.</summary>
    internal BackupConfiguration Configure(string services)
    {
        string text = $"[repository]\npath = \"{Below("repository")}\"\n[staging]\npath = \"{Below("staging")}\"\n[state]\npath = \"{Below("state")}\"\n{services}\n";
        return ConfigurationReader.Parse(BytePath.From(Below("backup.toml")), Encoding.UTF8.GetBytes(text), null);
    }

    /// <summary>The only service of a fresh snapshot.</summary>
    internal async Task<ServiceSnapshot> SnapshotAsync(string services, BackupRequest? request = null) => (await RunAsync(services, request)).Snapshot!.Snapshot.Services.Single();

    /// <summary>Restores into a fresh directory, and returns it.</summary>
    internal async Task<string> RestoreAsync(ServiceSnapshot service)
    {
        string target = Below($"restored-{++_restored}");
        Repository repository = await Repository.OpenAsync(new LocalStorage(BytePath.From(Below("repository"))), Test.Token);
        await new RestoreRun(repository, await repository.LoadIndexAsync(Test.Token), this).RunAsync(new RestoreRequest { Target = BytePath.From(target), Services = [service] }, Test.Token);
        return target;
    }

    public void Begin(string phase, long? totalBytes, long? totalItems)
    {
    }

    public void Advance(long bytes, long items)
    {
    }

    public void Message(string text)
    {
        lock (Messages) Messages.Add(text);
    }

    public void Warn(string text)
    {
        lock (Warnings) Warnings.Add(text);
    }

    public void Dispose() => _there.Dispose();
}
