using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Cli.Agent;

/// <summary>
/// The files of a configuration as they were when it was loaded. A run reads its configuration itself: while a changed or broken one lies on the disk that nobody has loaded, it is given a
/// copy of these, so that it runs by what the agent goes by.
/// </summary>
internal sealed class LoadedFiles
{
    private const int MostBytes = 1 << 20;
    private const string Suffix = ".toml";
    private static readonly string[] Folders = ["schedules", "restore-drills"];
    private static readonly BytePath CopyName = BytePath.From("agent-configuration");

    private readonly BytePath _file;
    private readonly SortedDictionary<string, byte[]> _contents = new(StringComparer.Ordinal);

    private LoadedFiles(BytePath file) => _file = file;

    /// <summary>Reads them: the file, and those in the folders beside it.</summary>
    /// <exception cref="PosixException">One cannot be read.</exception>
    internal static LoadedFiles Read(BytePath file)
    {
        var loaded = new LoadedFiles(file);
        loaded._contents[file.Name.ToString()] = PosixFile.ReadAllFollowing(file, MostBytes);
        foreach (string folder in Folders)
        {
            BytePath path = file.Parent.Combine(folder);
            if (!PosixFile.TryGetStatusFollowing(path, out FileStatus status) || status.Kind != FileKind.Directory) continue;
            using PosixDirectory directory = PosixDirectory.Open(path);
            foreach (BytePath name in directory.ReadNames().Where(static name => name.ToString().EndsWith(Suffix, StringComparison.Ordinal)))
                if (PosixFile.TryGetStatusFollowing(path.Combine(name), out FileStatus entry) && entry.Kind == FileKind.Regular) loaded._contents[$"{folder}/{name}"] = PosixFile.ReadAllFollowing(path.Combine(name), MostBytes);
        }
        return loaded;
    }

    /// <summary>Whether the contents are the same.</summary>
    internal bool IsSame(LoadedFiles other) =>
        _contents.Count == other._contents.Count && _contents.All(each => other._contents.TryGetValue(each.Key, out byte[]? content) && content.AsSpan().SequenceEqual(each.Value));

    /// <summary>The configuration file for a run: the original while it and all beside it are as they were, else a copy in the state directory, where the next one replaces it.</summary>
    /// <exception cref="PosixException">The copy cannot be made.</exception>
    internal BytePath ForRun(BytePath stateDirectory, out bool isCopy)
    {
        using PosixDirectory state = PosixDirectory.Open(stateDirectory);
        state.RemoveTree(CopyName);
        isCopy = !IsOnDisk();
        if (!isCopy) return _file;
        BytePath copy = stateDirectory.Combine(CopyName);
        StateDirectory.Make(copy);
        foreach (string folder in Folders) StateDirectory.Make(copy.Combine(folder));
        foreach ((string name, byte[] content) in _contents)
        {
            BytePath path = copy.Combine(name);
            using SafeFileHandle target = PosixDirectory.Current.CreateFile(path);
            PosixFile.WriteFully(target, content, 0, path);
        }
        return copy.Combine(_file.Name);
    }

    private bool IsOnDisk()
    {
        try
        {
            return IsSame(Read(_file));
        }
        catch (PosixException)
        {
            return false;   // what cannot be read is not as it was
        }
    }
}
