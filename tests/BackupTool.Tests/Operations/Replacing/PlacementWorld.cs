using BackupTool.Operations.Configuration;
using BackupTool.Operations.Replacing.Planning;
using BackupTool.Posix;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Profiles;
using BackupTool.Services.Profiles.Toml;
using BackupTool.Tests.Repositories.Archives;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Replacing;

/// <summary>A live tree, a repository that has it, and what a restore in place would replace of it by now.</summary>
internal sealed class PlacementWorld : IAsyncDisposable
{
    private readonly List<string> _mounts = [];
    private readonly TreeBackup _backup;

    private PlacementWorld(TreeBackup backup)
    {
        _backup = backup;
        Configuration = new BackupConfiguration
        {
            File = At("backup.toml"),
            Repository = new RepositorySettings { Path = backup.There.Path.Combine("repository") },
            State = new StateSettings { Path = backup.There.Path.Combine("state") },
            Staging = new StagingSettings { Path = backup.There.Path.Combine("staging") },
            Services = [],
            Warnings = [],
        };
    }

    public BackupConfiguration Configuration { get; set; }

    /// <summary>The directory that everything live is in.</summary>
    public string Tree => _backup.Tree;

    public static async Task<PlacementWorld> CreateAsync() => new(await TreeBackup.CreateAsync());

    public BytePath At(string relative) => BytePath.From(Tree).Combine(relative);

    public BytePath MemberAt(string relative) => At(relative).WithoutLeadingSlash();

    public void Write(string relative, string content) => File.WriteAllText(InDirectory(relative), content);

    public void MakeDirectory(string relative) => Directory.CreateDirectory(Path.Combine(Tree, relative));

    public void Link(string relative, string target) => File.CreateSymbolicLink(InDirectory(relative), target);

    public void Remove(string relative) => PosixDirectory.Current.RemoveTree(At(relative));

    /// <summary>Mounts something in the live tree until the end.</summary>
    public void Mount(string relative, params string[] options)
    {
        string place = Path.Combine(Tree, relative);
        Tool.Run("mount", [.. options, place]);
        _mounts.Add(place);
    }

    /// <summary>Mounts a directory or file onto itself, read-only.</summary>
    public void MakeReadOnly(string relative)
    {
        Mount(relative, "--bind", Path.Combine(Tree, relative));
        Tool.Run("mount", "-o", "remount,bind,ro", Path.Combine(Tree, relative));
    }

    /// <summary>A snapshot of these roots: all that is below the tree and in one of them, links included, as a service's backup has it.</summary>
    public Task<ServiceSnapshot> BackUpAsync(params string[] roots) => BackUpAsync(static entry => entry, roots);

    /// <summary>As <see cref="BackUpAsync(string[])"/>, with the entries as <paramref name="change"/> makes them; null leaves one out.</summary>
    public async Task<ServiceSnapshot> BackUpAsync(Func<ArchiveEntry, ArchiveEntry?> change, params string[] roots)
    {
        List<BytePath> tops = [.. roots.Select(At)];
        TreeBackupResult result = await _backup.RunAsync(change: entries =>
            entries.Where(entry => tops.Exists(entry.Path.IsAtOrBelow)).Select(change).OfType<ArchiveEntry>().OrderBy(static entry => entry.MemberPath).ToList());
        return result.Snapshot!.Snapshot.Services[0] with { Name = "it", Roots = [.. tops.Select(static top => top.ToString())] };
    }

    public Task<LivePlacement> PlanAsync(ServiceSnapshot service, params string[] include) => PlanAsync(service, null, null, include);

    public Task<LivePlacement> PlanAsync(ServiceSnapshot service, ServiceSettings? settings, ServiceLayout? layout, params string[] include) =>
        LivePlacement.PlanAsync(_backup.Repository, _backup.Index, service, [.. include.Select(Glob.Parse)], settings, layout, Configuration, OwnerPolicy.Checked, Test.Token);

    public static ServiceSettings Settings(params string[] exclude) =>
        new() { Name = "it", Kind = "files", Exclude = [.. exclude.Select(Glob.Parse)], Place = new TextPlace(1, 1) };

    /// <summary>The entry, under another name or as another thing.</summary>
    public static ArchiveEntry As(ArchiveEntry entry, string? member = null, bool isDatabase = false, string? linkTarget = null) => new()
    {
        Path = entry.Path,
        Status = entry.Status,
        LinkTarget = linkTarget is null ? entry.LinkTarget : BytePath.From(linkTarget),
        MemberName = member is null ? entry.MemberName : BytePath.From(member),
        IsDatabase = isDatabase,
        DatabaseCopy = isDatabase ? _ => Task.FromResult(new DatabaseContent(entry.Path, null)) : null,
    };

    private string InDirectory(string relative)
    {
        string path = Path.Combine(Tree, relative);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        return path;
    }

    public ValueTask DisposeAsync()
    {
        foreach (string mount in Enumerable.Reverse(_mounts)) Tool.Run("umount", mount);
        _backup.Dispose();
        return ValueTask.CompletedTask;
    }
}
