using System.Runtime.InteropServices;

namespace BackupTool.Tests.Services.Sources;

/// <summary>Runs something with the file permissions of nobody, on a thread of its own: root may read everything, and CI is root.</summary>
internal static partial class AsNobody
{
    [LibraryImport("libc")]
    private static partial int setfsuid(uint uid);

    internal static T Run<T>(Func<T> work)
    {
        T result = default!;
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            int before = setfsuid(65534);
            try { result = work(); }
            catch (Exception e) { failure = e; }
            finally { _ = setfsuid((uint)before); }
        });
        thread.Start();
        thread.Join();
        return failure is null ? result : throw failure;
    }
}
