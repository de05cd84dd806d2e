using System.Text.Json;
using BackupTool.Operations;
using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Cli.Agent;

/// <summary>
/// The agent's file in the tool's state directory (<c>agent.json</c>), and the right to be the only agent there: <c>agent.lock</c>, of which the kernel lets go when the process ends, however
/// it ends. Disposing lets go of it and removes nothing.
/// </summary>
internal sealed class AgentStateFile : IDisposable
{
    // Others are none that any clock shows, and not to be reckoned with.
    private const int MaxBytes = 16 << 20, FirstYear = 1969, LastYear = 2400;
    private static readonly BytePath Name = BytePath.From("agent.json"), Unfinished = BytePath.From("agent.json.new"), LockName = BytePath.From("agent.lock");
    private readonly PosixDirectory _folder;
    private readonly SafeFileHandle _lock;

    private AgentStateFile(PosixDirectory folder, SafeFileHandle held) => (_folder, _lock) = (folder, held);

    /// <summary>The file.</summary>
    internal BytePath File => _folder.Full(Name);

    /// <summary>Takes the lock; the directory is made when it is missing.</summary>
    /// <exception cref="AgentRunsAlreadyException">A living agent has it.</exception>
    /// <exception cref="PosixException">The directory cannot be made or written to.</exception>
    internal static AgentStateFile Hold(BytePath directory)
    {
        StateDirectory.Make(directory);
        PosixDirectory folder = PosixDirectory.Open(directory);
        SafeFileHandle? file = null;
        try
        {
            file = StateDirectory.OpenLock(folder, LockName);
            if (PosixFile.TryLock(file)) return new AgentStateFile(folder, file);
            throw new AgentRunsAlreadyException($"Another agent runs already: it holds {folder.Full(LockName)}.", "One agent starts all schedules. 'systemctl status backup-agent' tells about it; 'backup agent status' asks it.");
        }
        catch
        {
            file?.Dispose();
            folder.Dispose();
            throw;
        }
    }

    /// <summary>What an earlier agent has left; nothing when there was none, or when it cannot be read: then <paramref name="problem"/> says why.</summary>
    internal AgentMemory Read(out string? problem)
    {
        problem = null;
        try
        {
            AgentMemory? memory = JsonSerializer.Deserialize(PosixFile.ReadAllFollowing(File, MaxBytes), AgentMemoryJson.Default.AgentMemory);
            if (memory is { Version: AgentMemory.CurrentVersion, Schedules: not null } && memory.Schedules.Values.All(static schedule => schedule is { Times: not null, LastSlot.Year: >= FirstYear and <= LastYear })) return memory;
            problem = memory is null ? "it is empty" : memory.Version == AgentMemory.CurrentVersion ? "something is missing in it, or no time" : $"it is of version {memory.Version}, and this program knows {AgentMemory.CurrentVersion}";
        }
        catch (PosixException e) when (e.IsNotFound)
        {
            return AgentMemory.Empty;
        }
        catch (Exception e) when (e is PosixException or JsonException)
        {
            problem = e.Message;
        }
        return AgentMemory.Empty;
    }

    /// <summary>Publishes it: it is on the disk, whole, when this returns.</summary>
    /// <exception cref="PosixException">It cannot be written; what was there still is.</exception>
    internal void Write(AgentMemory memory)
    {
        _folder.RemoveTree(Unfinished);
        using (SafeFileHandle file = _folder.CreateFile(Unfinished))
        {
            PosixFile.WriteFully(file, JsonSerializer.SerializeToUtf8Bytes(memory, AgentMemoryJson.Default.AgentMemory), 0, Unfinished);
            PosixFile.Flush(file, Unfinished);
        }
        _folder.Rename(Unfinished, _folder, Name);
        _folder.Flush();
    }

    public void Dispose()
    {
        _lock.Dispose();
        _folder.Dispose();
    }
}

/// <summary>There can be one agent on a state directory, and there is one.</summary>
internal sealed class AgentRunsAlreadyException(string message, string hint) : OperationException(message, hint);
