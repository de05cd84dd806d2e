using BackupTool.Repositories.Archives.Tar;

namespace BackupTool.Operations.Import;

/// <summary>One member of somebody else's archive.</summary>
/// <param name="Member">What the archive says of it. The name is as it is stored: nobody has judged yet whether it is safe.</param>
/// <param name="Content">
/// The member's <see cref="TarMember.StoredSize"/> bytes, to be read once and before the next member is asked for; checked against the archive's checksum as
/// it is read, so that only the read that returns 0 says that it was whole. Empty for what has no data.
/// </param>
public sealed record ForeignMember(TarMember Member, Stream Content);
