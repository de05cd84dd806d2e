using BackupTool.Posix;

namespace BackupTool.Operations.Replacing.Planning;

/// <summary>
/// The directories beside what a restore in place replaces: <c>.backup-restore-ID</c>. The new state is made ready in it, and the replaced one kept. Backups leave them out.
/// </summary>
internal static class SlotName
{
    private static ReadOnlySpan<byte> Prefix => ".backup-restore-"u8;

    /// <summary>The name for the replacement of that id.</summary>
    internal static BytePath Of(string id) => new([.. Prefix, .. System.Text.Encoding.ASCII.GetBytes(id)]);

    /// <summary>Whether a name is that of such a directory.</summary>
    internal static bool IsSlot(BytePath name) => name.Bytes.StartsWith(Prefix) && name.Length > Prefix.Length;
}
