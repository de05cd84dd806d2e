using BackupTool.Posix;
using BackupTool.Repositories.Locking;
using BackupTool.Repositories.Storage;

namespace BackupTool.Tests.Repositories.Locking;

/// <summary>What other runs do to a repository, in processes of their own.</summary>
internal static class LockJobs
{
    /// <summary>Takes the writer's lock and keeps it until the input ends.</summary>
    internal static void Hold(string repository)
    {
        var held = AcquireAsync(repository).AsTask().GetAwaiter().GetResult();
        Console.WriteLine("ready");
        Console.In.ReadToEnd();
        held.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    /// <summary>Takes the writer's lock four times, and each time makes sure to be alone: a directory that only one can make.</summary>
    internal static void Race(string repository, string alone)
    {
        Console.WriteLine("ready");
        Console.In.ReadLine();
        for (int i = 0; i < 4; i++)
        {
            RepositoryLock held = AcquireAsync(repository).AsTask().GetAwaiter().GetResult();
            PosixDirectory.Current.CreateDirectory(BytePath.From(alone));
            Thread.Sleep(2);
            PosixDirectory.Current.RemoveDirectory(BytePath.From(alone));
            held.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
        Console.WriteLine("was alone four times");
    }

    private static ValueTask<RepositoryLock> AcquireAsync(string repository) => RepositoryLock.AcquireAsync(
        new LocalStorage(BytePath.From(repository)), LockMode.Write, "now", TimeSpan.FromSeconds(60), TimeProvider.System, null, default);
}
