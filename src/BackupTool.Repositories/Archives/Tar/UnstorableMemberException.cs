namespace BackupTool.Repositories.Archives.Tar;

/// <summary>No tar archive can hold this member: a socket, an impossible name, more attributes than readers take, a sparse map that is out of order.</summary>
public sealed class UnstorableMemberException(string message) : ArgumentException(message);
