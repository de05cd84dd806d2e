using BackupTool.Posix;
using BackupTool.Repositories.Archives.Tar;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Repositories.Archives.Extraction;

/// <summary>
/// Gives a restored entry what its header says: owner, attributes, mode, ACLs, mtime, in this order. A change of owner clears setuid bits and
/// capabilities, a change of mode rewrites an ACL's mask, and every change but the last moves something that a later one sets.
/// </summary>
internal sealed class MetadataWriter(ExtractionOptions options, Action<ExtractionFinding> report)
{
    private const uint WithoutSetIds = 0x3ff;   // 01777
    private static readonly BytePath AccessAcl = BytePath.From("system.posix_acl_access"), DefaultAcl = BytePath.From("system.posix_acl_default");
    private bool _saidThatOwnersAreLeftOut;

    /// <param name="directory">Holds the entry.</param>
    /// <param name="name">The entry in it; <c>.</c> for the directory itself.</param>
    /// <param name="file">The open entry, when it is a file.</param>
    /// <param name="member">What its header says.</param>
    /// <param name="inheritedAcl">Whether the entry may have got ACLs from the directory that it was made in.</param>
    internal void Apply(PosixDirectory directory, BytePath name, SafeFileHandle? file, TarMember member, bool inheritedAcl)
    {
        bool isLink = member.Kind == FileKind.SymbolicLink;
        bool hasOwner = SetOwner(directory, name, file, member);
        foreach (ExtendedAttribute attribute in member.ExtendedAttributes)
            if (!IsAcl(attribute)) SetAttribute(directory, name, member, attribute);
        if (!isLink)
        {
            if (inheritedAcl) RemoveAcls(directory, name, member);
            SetMode(directory, name, file, hasOwner ? member.Mode : member.Mode & WithoutSetIds);
        }
        foreach (ExtendedAttribute attribute in member.ExtendedAttributes)
            if (IsAcl(attribute)) SetAttribute(directory, name, member, attribute);
        if (file is null) directory.SetModifiedAt(name, member.ModifiedAt);
        else PosixFile.SetModifiedAt(file, member.ModifiedAt, directory.Full(name));
    }

    private bool SetOwner(PosixDirectory directory, BytePath name, SafeFileHandle? file, TarMember member)
    {
        if (!options.RestoreOwners)
        {
            if (!_saidThatOwnersAreLeftOut)
                report(new ExtractionFinding(member.Path, "Owners are not restored, nor setuid and setgid bits: that takes root. From here on everything belongs to you."));
            _saidThatOwnersAreLeftOut = true;
            return false;
        }
        try
        {
            if (file is null) directory.SetOwner(name, member.Uid, member.Gid);
            else PosixFile.SetOwner(file, member.Uid, member.Gid, directory.Full(name));
            return true;
        }
        catch (PosixException e) when (e.Errno is Errno.EPERM or Errno.EINVAL or Errno.EOPNOTSUPP)
        {
            report(new ExtractionFinding(member.Path, $"Its owner {member.Uid}:{member.Gid} is not restored, nor setuid and setgid bits: {e.Message}."));
            return false;
        }
    }

    private static void SetMode(PosixDirectory directory, BytePath name, SafeFileHandle? file, uint mode)
    {
        if (file is null) directory.SetMode(name, mode);
        else PosixFile.SetMode(file, mode, directory.Full(name));
    }

    private void SetAttribute(PosixDirectory directory, BytePath name, TarMember member, ExtendedAttribute attribute)
    {
        try
        {
            directory.SetExtendedAttribute(name, attribute);
        }
        catch (PosixException e) when (!e.IsOutOfSpace || !IsFull(directory))
        {
            report(new ExtractionFinding(member.Path, $"Its attribute {attribute.Name} is not restored: {e.Message}."));
        }
    }

    private static void RemoveAcls(PosixDirectory directory, BytePath name, TarMember member)
    {
        directory.RemoveExtendedAttribute(name, AccessAcl);
        if (member.Kind == FileKind.Directory) directory.RemoveExtendedAttribute(name, DefaultAcl);
    }

    // ext4 says ENOSPC also when one file's attributes have outgrown their block: then the disk is not full.
    private static bool IsFull(PosixDirectory directory) => PosixFile.GetFreeBytes(directory.Path) < 1 << 20;

    private static bool IsAcl(ExtendedAttribute attribute) => attribute.Name == AccessAcl || attribute.Name == DefaultAcl;
}
